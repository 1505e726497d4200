"""Training: data, the joint loss of tokenizer and coding prior, the loop, and what a run becomes."""
