"""Photos to masks, by networks of other libraries."""
