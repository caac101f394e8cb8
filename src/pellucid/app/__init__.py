"""The local web app: runs, networks, channels, a drawing pad, training and studies in the browser."""
