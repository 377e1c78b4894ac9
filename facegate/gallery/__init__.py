"""The search index over the enrolled templates. The one home of faiss."""
