"""What changes the disk or runs a user's or a vendor's code."""
