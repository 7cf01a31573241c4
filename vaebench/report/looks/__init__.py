"""Pictures of runs as figures: ways through the latents, planes, strips, failures."""
