"""GLaMM, the model that was published with the benchmark's task.

Only `losses` uses reference masks; a model that answers gets no references.

Import from the modules: `configuration` (sizes), `assembly` (a model from sizes), `convert` (a
model from published weights), `processing` (images and words in, phrases out), `generation`
(answers), `losses` (training), `estimate` (time and memory). Importing this package alone loads no
heavy library.
"""
