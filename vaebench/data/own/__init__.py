"""Users' own images: an npz file or a folder, known by their content."""
