"""What each command does with one photo: read, work, write."""
