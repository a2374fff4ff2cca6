"""Text: Java programs, tokenizer, phrase encoders and the similarity of phrases."""
