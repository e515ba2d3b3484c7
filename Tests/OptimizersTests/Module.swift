// Tests of Optimizers.
