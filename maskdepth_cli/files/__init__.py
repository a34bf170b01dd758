"""Files to arrays and back: images, depth maps, masks, instance maps, pairing, atomic writing."""
