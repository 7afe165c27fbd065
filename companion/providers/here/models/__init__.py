"""Models that run on this computer: what there is, what is here, and how the rest is fetched.

    listing   resources/local_models.yaml -> `LocalModel`: files with their sums, and where the same bytes can be had
    store     the folder of models: which are whole, which are damaged; import, export, remove
    imports   files and archives of a person's own -> the files of a model
    fetcher   a model's missing files, through the egress gate, resumed and checked

On disk: `<models>/<kind>/<name>/`, with the files as their makers name them. App, command line and library share it.
"""
