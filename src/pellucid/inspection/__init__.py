"""Ways of looking inside a network: each file is one, for the project's own networks and for any `nn.Module`."""
