"""Text of captions and phrases: Java programs, phrase encoders, and the similarity of phrases."""
