"""The receiving end: webhooks of the carriers in, opened messages and downlinks out.

A desk's own small server, for one project's units. Each module is one step of a message's way:

    deliveries   the body of a carrier's webhook as one frozen value
    signature    was a RockBLOCK webhook signed by who it says
    web          the WSGI application: store first, answer, open
    database     the SQLite file, its schema, its transactions
    inbox        what arrived, raw, each once
    units        the desk's file: who is who, which card has which key
    opening      raw bytes to told things: cards tried, twins dropped, restored images refused
    previews     fragments to pictures
    downlinks    acknowledgements and commands: what is due, sealed, counted
    carriers     how a downlink goes out: HTTP APIs, a folder
    overview     what each unit last said, and which are silent
    export       observations as CSV and GeoJSON

Nothing that arrived is ever refused for what is in it: it is stored raw before anything looks
into it, and what cannot be opened today is tried again when a key or a newer version comes.
"""
