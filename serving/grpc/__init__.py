"""Open Inference Protocol V2 over gRPC; the one part of the server that imports grpcio."""
