"""The pages of the settings: every module here holds one `PAGE` and is found by that."""
