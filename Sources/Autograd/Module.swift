// Module Autograd.
