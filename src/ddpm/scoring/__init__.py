"""From images to scores: subjects, references and the protocol that measures them."""
