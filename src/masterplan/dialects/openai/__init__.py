"""What OpenAI's two protocols share: model families, errors, and the shapes both write alike.

Must not know either protocol's messages, answers or streams.
"""
