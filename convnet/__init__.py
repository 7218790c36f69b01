"""The console command: one door to the pipeline, the registry and the server."""
