/// A function of single elements and its derivative.
public struct ActivationKernel: Sendable {
    /// What backward needs of forward.
    public enum Saved: Sendable {
        /// x
        case input
        /// y
        case output
    }

    /// What `gradient` takes as its first argument.
    public let saved: Saved
    /// y = f(x): `(x, y, count, parameter)`; y may be x.
    public let forward: @Sendable (Source, Destination, Int, Float) -> Void
    /// dx = f'(x) · dy: `(saved, dy, dx, count, parameter, accumulate)`; dx may be dy.
    public let gradient: @Sendable (Source, Source, Destination, Int, Float, Bool) -> Void

    /// Gathers the functions.
    public init(
        saved: Saved, forward: @escaping @Sendable (Source, Destination, Int, Float) -> Void,
        gradient: @escaping @Sendable (Source, Source, Destination, Int, Float, Bool) -> Void
    ) {
        self.saved = saved
        self.forward = forward
        self.gradient = gradient
    }
}

/// Activation functions; those without a parameter ignore it.
public struct ActivationKernels: Sendable {
    /// max(x, 0), a NaN stays.
    public let relu: ActivationKernel
    /// x where x > 0, else x times the parameter.
    public let leakyReLU: ActivationKernel
    /// x where x > 0, else eˣ − 1 times the parameter.
    public let elu: ActivationKernel
    /// x · Φ(x) with the normal distribution's Φ.
    public let gelu: ActivationKernel
    /// x · σ(2u) with u = √(2/π) · (x + 0.044715 x³), which is GELU with tanh.
    public let approximateGELU: ActivationKernel
    /// x · σ(x).
    public let silu: ActivationKernel
    /// σ(x) = 1 / (1 + e⁻ˣ).
    public let sigmoid: ActivationKernel
    /// tanh x.
    public let tanh: ActivationKernel

    /// Gathers the functions.
    public init(
        relu: ActivationKernel, leakyReLU: ActivationKernel, elu: ActivationKernel, gelu: ActivationKernel,
        approximateGELU: ActivationKernel, silu: ActivationKernel, sigmoid: ActivationKernel, tanh: ActivationKernel
    ) {
        self.relu = relu
        self.leakyReLU = leakyReLU
        self.elu = elu
        self.gelu = gelu
        self.approximateGELU = approximateGELU
        self.silu = silu
        self.sigmoid = sigmoid
        self.tanh = tanh
    }
}
