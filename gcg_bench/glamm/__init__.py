"""GLaMM, the model that the benchmark's task was published with: one package, no look at answers.

Import from the modules: `configuration` (sizes), `assembly` (a model from sizes), `convert` (a
model from published weights), `processing` (images and words in, phrases out), `generation`
(answers), `losses` (training), `estimate` (time and memory). Importing this package alone loads
nothing heavy.
"""
