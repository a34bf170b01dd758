"""Which files belong to a photo: found, matched by name, and the masks in annotation files."""
