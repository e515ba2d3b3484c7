// Module Layers.
