import Kernels

// Plain loops and sums of eight: multiplications and additions are not contracted, so all instruction sets give the
// same bits here.

extension GradientScaling {
    /// The gradient that a rule sees; what is not a number stays so.
    @inline(__always)
    func callAsFunction(_ sum: Float) -> Float {
        let gradient = sum * factor
        return gradient > bound ? bound : gradient < -bound ? -bound : gradient
    }
}

/// The root of a mean square.
///
/// Told that it is not negative, the compiler takes the CPU's instruction in place of a function that would report
/// negative numbers. What is not a number stays so.
@inline(__always)
private func root(_ square: Float) -> Float { (square < 0 ? 0 : square).squareRoot() }

func sgd(
    _ p: Destination, _ gradients: Source, _ buffer: Destination, _ count: Int, _ scaling: GradientScaling,
    _ step: SGDStep
) {
    let rate = step.learningRate
    let decay = step.weightDecay
    let momentum = step.momentum
    if momentum == 0 {
        for i in 0..<count { p[i] -= rate * (scaling(gradients[i]) + decay * p[i]) }
        return
    }
    let kept = step.isFirst ? 0 : momentum
    let taken = step.taken
    if step.nesterov {
        for i in 0..<count {
            let g = scaling(gradients[i]) + decay * p[i]
            let b = kept * buffer[i] + taken * g
            buffer[i] = b
            p[i] -= rate * (g + momentum * b)
        }
    } else {
        for i in 0..<count {
            let b = kept * buffer[i] + taken * (scaling(gradients[i]) + decay * p[i])
            buffer[i] = b
            p[i] -= rate * b
        }
    }
}

func lars(
    _ p: Destination, _ gradients: Source, _ buffer: Destination, _ count: Int, _ scaling: GradientScaling,
    _ step: LARSStep
) {
    let rate = step.stepSize
    let decay = step.weightDecay
    let momentum = step.momentum
    for i in 0..<count {
        let b = momentum * buffer[i] + rate * (scaling(gradients[i]) + decay * p[i])
        buffer[i] = b
        p[i] -= b
    }
}

func adam(
    _ p: Destination, _ gradients: Source, _ first: Destination, _ second: Destination, _ count: Int,
    _ scaling: GradientScaling, _ step: AdamStep
) {
    // Copied, so that the compiler need not fear that a store changes them, and vectorises.
    let (keptFirst, takenFirst, keptSecond, takenSecond) = (
        step.keptFirst, step.takenFirst, step.keptSecond, step.takenSecond
    )
    let (stepSize, rootFactor, epsilon) = (step.stepSize, step.rootFactor, step.epsilon)
    let (gradientDecay, shrinkage) = (step.gradientDecay, step.shrinkage)
    for i in 0..<count {
        let g = scaling(gradients[i]) + gradientDecay * p[i]
        let m = keptFirst * first[i] + takenFirst * g
        let v = keptSecond * second[i] + takenSecond * g * g
        first[i] = m
        second[i] = v
        p[i] = shrinkage * p[i] - stepSize * m / (root(v) * rootFactor + epsilon)
    }
}

func rmsprop(
    _ p: Destination, _ gradients: Source, _ squares: Destination, _ buffer: Destination?, _ mean: Destination?,
    _ count: Int, _ scaling: GradientScaling, _ step: RMSpropStep
) {
    let rate = step.learningRate
    let decay = step.weightDecay

    /// The gradient over the root of its mean square; the mean is taken off where there is one.
    @inline(__always)
    func direction(_ i: Int, _ mean: Destination?) -> Float {
        let g = scaling(gradients[i]) + decay * p[i]
        let square = step.kept * squares[i] + step.taken * g * g
        squares[i] = square
        guard let mean else { return g / (root(square) + step.epsilon) }
        let m = step.kept * mean[i] + step.taken * g
        mean[i] = m
        // Rounding may leave less than nothing of equal gradients, which counts as nothing.
        return g / (root(square - m * m) + step.epsilon)
    }

    switch (buffer, mean) {
    case (nil, nil): for i in 0..<count { p[i] -= rate * direction(i, nil) }
    case (nil, let mean?): for i in 0..<count { p[i] -= rate * direction(i, mean) }
    case (let buffer?, nil):
        for i in 0..<count {
            buffer[i] = step.momentum * buffer[i] + direction(i, nil)
            p[i] -= rate * buffer[i]
        }
    case (let buffer?, let mean?):
        for i in 0..<count {
            buffer[i] = step.momentum * buffer[i] + direction(i, mean)
            p[i] -= rate * buffer[i]
        }
    }
}

/// LAMB's direction before the trust ratio, with the constants copied out of the step as in `adam`.
private struct LAMBDirection {
    private let firstFactor, rootFactor, epsilon, weightDecay: Float

    @inline(__always)
    init(_ step: LAMBStep) {
        firstFactor = step.firstFactor
        rootFactor = step.rootFactor
        epsilon = step.epsilon
        weightDecay = step.weightDecay
    }

    @inline(__always)
    func callAsFunction(_ p: Float, _ m: Float, _ v: Float) -> Float {
        firstFactor * m / (root(v) * rootFactor + epsilon) + weightDecay * p
    }
}

func lamb(_ p: Destination, _ first: Source, _ second: Source, _ count: Int, _ step: LAMBStep) {
    let direction = LAMBDirection(step)
    let stepSize = step.stepSize
    for i in 0..<count { p[i] -= stepSize * direction(p[i], first[i], second[i]) }
}

func average(_ x: Source, _ average: Destination, _ count: Int, _ share: Float) {
    for i in 0..<count { average[i] += share * (x[i] - average[i]) }
}

/// Eight running sums of squares, added up at the end: the order depends on the count alone.
private struct SumOfSquares {
    private var sums = SIMD8<Double>(repeating: 0)

    @inline(__always)
    mutating func add(_ values: SIMD8<Float>) {
        let wide = SIMD8<Double>(values)
        sums += wide * wide
    }

    @inline(__always)
    func total(with rest: Double) -> Double { sums.sum() + rest }
}

@inline(__always)
private func eight(_ source: UnsafePointer<Float>) -> SIMD8<Float> {
    UnsafeRawPointer(source).loadUnaligned(as: SIMD8<Float>.self)
}

func squares(
    _ p: Source, _ gradients: Source, _ count: Int, _ scaling: GradientScaling
) -> (Double, Double) {
    var (parameters, scaled) = (SumOfSquares(), SumOfSquares())
    let bound = SIMD8<Float>(repeating: scaling.bound)
    var i = 0
    while i &+ 8 <= count {
        parameters.add(eight(p + i))
        var g = eight(gradients + i) * scaling.factor
        g.replace(with: bound, where: g .> bound)
        g.replace(with: -bound, where: g .< -bound)
        scaled.add(g)
        i &+= 8
    }
    var (restOfParameters, restOfGradients) = (0.0, 0.0)
    while i < count {
        let g = Double(scaling(gradients[i]))
        restOfParameters += Double(p[i]) * Double(p[i])
        restOfGradients += g * g
        i &+= 1
    }
    return (parameters.total(with: restOfParameters), scaled.total(with: restOfGradients))
}

func lambMoments(
    _ p: Source, _ gradients: Source, _ first: Destination, _ second: Destination, _ count: Int,
    _ scaling: GradientScaling, _ step: LAMBStep
) -> (Double, Double) {
    let (keptFirst, takenFirst, keptSecond, takenSecond) = (
        step.keptFirst, step.takenFirst, step.keptSecond, step.takenSecond
    )
    for i in 0..<count {
        let g = scaling(gradients[i])
        first[i] = keptFirst * first[i] + takenFirst * g
        second[i] = keptSecond * second[i] + takenSecond * g * g
    }
    let direction = LAMBDirection(step)
    var (parameters, directions) = (SumOfSquares(), SumOfSquares())
    var i = 0
    while i &+ 8 <= count {
        var eightDirections = SIMD8<Float>()
        for k in 0..<8 { eightDirections[k] = direction(p[i + k], first[i + k], second[i + k]) }
        parameters.add(eight(p + i))
        directions.add(eightDirections)
        i &+= 8
    }
    var (restOfParameters, restOfDirections) = (0.0, 0.0)
    while i < count {
        let d = Double(direction(p[i], first[i], second[i]))
        restOfParameters += Double(p[i]) * Double(p[i])
        restOfDirections += d * d
        i &+= 1
    }
    return (parameters.total(with: restOfParameters), directions.total(with: restOfDirections))
}
