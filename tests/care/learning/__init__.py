"""What the network of `companion.care.network` learns from, and how it is made anew."""
