"""What is on the disk and in this process, probed and never changed."""
