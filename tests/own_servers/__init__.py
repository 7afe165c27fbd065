"""Our providers against engines that other people wrote, run here."""
