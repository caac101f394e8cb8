"""Recipes as data: one file, one function ``(*, ...) -> Recipe``; options change single fields."""
