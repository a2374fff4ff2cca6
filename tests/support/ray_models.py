"""A model for nodes of a cluster."""

MODEL = """
import hashlib, os, time
from gcg_bench import Grounding, Phrase, Prediction
from gcg_bench.masks import from_box

class Model:
    def __init__(self, seconds=0.0, deadly="", slow="", **_):
        self.seconds, self.deadly, self.slow = seconds, deadly, slow

    def answer(self, queries):
        for query in queries:
            print("noise on stdout")
            caption = "a " + hashlib.sha256(query.image.read().tobytes()).hexdigest()
            if query.id == self.deadly:
                os.kill(os.getpid(), 9)
            time.sleep(600 if query.id == self.slow else self.seconds)
            mask = from_box((1, 2, 30, 40), query.image.height, query.image.width)
            yield Prediction(query.id, Grounding(caption, (Phrase("a", (mask,)),)), seconds=0.25)

load = Model
"""
