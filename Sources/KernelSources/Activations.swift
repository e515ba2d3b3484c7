import Kernels

/// The activation functions compiled for this module's instruction set.
let activationKernels = ActivationKernels(
    relu: ActivationKernel(
        saved: .output, forward: { x, y, count, _ in relu(x, y, count) },
        gradient: { y, dy, dx, count, _, adds in reluGradient(y, dy, dx, count, adds) }),
    leakyReLU: ActivationKernel(
        saved: .input,
        forward: { x, y, count, slope in
            map(x, y, count) { x in (x * slope).replacing(with: x, where: x .> 0) }
        },
        gradient: { x, dy, dx, count, slope, adds in
            mapGradient(x, dy, dx, count, adds) { x, dy in (dy * slope).replacing(with: dy, where: x .> 0) }
        }),
    elu: ActivationKernel(
        saved: .input,
        forward: { x, y, count, alpha in
            map(x, y, count) { x in (alpha * exponentialMinusOne(x)).replacing(with: x, where: x .> 0) }
        },
        gradient: { x, dy, dx, count, alpha, adds in
            mapGradient(x, dy, dx, count, adds) { x, dy in
                (dy * alpha * exponential(x)).replacing(with: dy, where: x .> 0)
            }
        }),
    gelu: ActivationKernel(
        saved: .input,
        forward: { x, y, count, _ in map(x, y, count) { x in x * normalDistribution(x).cumulative } },
        gradient: { x, dy, dx, count, _, adds in
            mapGradient(x, dy, dx, count, adds) { x, dy in
                let (cumulative, density) = normalDistribution(x)
                return dy * multiplyAdd(x, density, cumulative)
            }
        }),
    approximateGELU: ActivationKernel(
        saved: .input,
        forward: { x, y, count, _ in
            map(x, y, count) { x in x * sigmoid(x * multiplyAdd(x * x, Vector(repeating: cubic), linear)) }
        },
        gradient: { x, dy, dx, count, _, adds in
            mapGradient(x, dy, dx, count, adds) { x, dy in
                let square = x * x
                let gate = sigmoid(x * multiplyAdd(square, Vector(repeating: cubic), linear))
                let slope = multiplyAdd(square, Vector(repeating: 3 * cubic), linear)
                return dy * multiplyAdd(x * slope, gate * (1 - gate), gate)
            }
        }),
    silu: ActivationKernel(
        saved: .input,
        forward: { x, y, count, _ in map(x, y, count) { x in x * sigmoid(x) } },
        gradient: { x, dy, dx, count, _, adds in
            mapGradient(x, dy, dx, count, adds) { x, dy in
                let gate = sigmoid(x)
                return dy * multiplyAdd(x, gate * (1 - gate), gate)
            }
        }),
    sigmoid: ActivationKernel(
        saved: .output, forward: { x, y, count, _ in sigmoid(x, y, count) },
        gradient: { y, dy, dx, count, _, adds in
            mapGradient(y, dy, dx, count, adds) { y, dy in dy * (y * (1 - y)) }
        }),
    tanh: ActivationKernel(
        saved: .output, forward: { x, y, count, _ in tanh(x, y, count) },
        gradient: { y, dy, dx, count, _, adds in
            mapGradient(y, dy, dx, count, adds) { y, dy in dy * (1 - y * y) }
        }))

/// 2 · √(2/π), and that times 0.044715: the coefficients of GELU's argument to σ.
private let linear = Vector(repeating: 1.595_769_1)
private let cubic: Float = 0.071_354_82

@inline(__always)
private func map(_ x: Source, _ y: Destination, _ count: Int, _ function: (Vector) -> Vector) {
    forEachVector(count) { offset, lanes in write(function(read(x + offset, lanes)), y + offset, lanes) }
}

/// dx = `function`(saved, dy), or is added to.
@inline(__always)
private func mapGradient(
    _ saved: Source, _ dy: Source, _ dx: Destination, _ count: Int, _ adds: Bool,
    _ function: (Vector, Vector) -> Vector
) {
    forEachVector(count) { offset, lanes in
        let gradient = function(read(saved + offset, lanes), read(dy + offset, lanes))
        write(adds ? read(dx + offset, lanes) + gradient : gradient, dx + offset, lanes)
    }
}
