"""Networks: their definitions in torch, their runtimes in onnxruntime, and the registry."""
