"""Networks as ONNX: JAX traces them, each primitive becomes nodes of a graph."""
