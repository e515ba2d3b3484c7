import Kernels

// The one-dimensional transforms of F(4, 3) for the points 0, ±1, ±2 and ∞ (Lavin and Gray 2015, section 4.2), on
// vectors of channels. In two dimensions each is applied to the columns and then to the rows of a tile.

typealias Four = (Vector, Vector, Vector, Vector)
typealias Six = (Vector, Vector, Vector, Vector, Vector, Vector)

/// Bᵀ d: six inputs to the transformed domain.
@inline(__always)
func transformInputs(_ d: Six) -> Six {
    let even = multiplyAdd(Vector(repeating: -4), d.2, d.4)
    let odd = multiplyAdd(Vector(repeating: -4), d.1, d.3)
    let evenHalf = d.4 - d.2
    let oddHalf = d.3 - d.1
    let two = Vector(repeating: 2)
    return (
        multiplyAdd(Vector(repeating: 4), d.0, multiplyAdd(Vector(repeating: -5), d.2, d.4)), even + odd, even - odd,
        multiplyAdd(two, oddHalf, evenHalf), multiplyAdd(-two, oddHalf, evenHalf),
        multiplyAdd(Vector(repeating: 4), d.1, multiplyAdd(Vector(repeating: -5), d.3, d.5))
    )
}

/// Aᵀ m: back from the transformed domain to four outputs.
@inline(__always)
func restoreOutputs(_ m: Six) -> Four {
    let near = m.1 + m.2
    let nearDifference = m.1 - m.2
    let far = m.3 + m.4
    let farDifference = m.3 - m.4
    return (
        m.0 + near + far, multiplyAdd(Vector(repeating: 2), farDifference, nearDifference),
        multiplyAdd(Vector(repeating: 4), far, near),
        multiplyAdd(Vector(repeating: 8), farDifference, nearDifference) + m.5
    )
}

/// A y: four gradients of outputs to the transformed domain.
@inline(__always)
func transformGradients(_ y: Four) -> Six {
    let even = y.0 + y.2
    let odd = y.1 + y.3
    let evenFar = multiplyAdd(Vector(repeating: 4), y.2, y.0)
    let oddFar = multiplyAdd(Vector(repeating: 8), y.3, y.1 + y.1)
    return (y.0, even + odd, even - odd, evenFar + oddFar, evenFar - oddFar, y.3)
}

/// G g: three weights to the transformed domain.
@inline(__always)
func transformTaps(_ g: (Vector, Vector, Vector)) -> Six {
    let ends = g.0 + g.2
    let sixth = Vector(repeating: -1 / 6)
    let far = multiplyAdd(Vector(repeating: 1 / 24), g.0, g.2 * Vector(repeating: 1 / 6))
    let middle = g.1 * Vector(repeating: 1 / 12)
    return (
        g.0 * Vector(repeating: 0.25), (ends + g.1) * sixth, (ends - g.1) * sixth, far + middle, far - middle, g.2
    )
}

/// Gᵀ u: gradients in the transformed domain to those of three weights.
@inline(__always)
func restoreTaps(_ u: Six) -> (Vector, Vector, Vector) {
    let near = (u.1 + u.2) * Vector(repeating: -1 / 6)
    let far = u.3 + u.4
    return (
        multiplyAdd(Vector(repeating: 0.25), u.0, multiplyAdd(Vector(repeating: 1 / 24), far, near)),
        multiplyAdd(Vector(repeating: 1 / 12), u.3 - u.4, (u.2 - u.1) * Vector(repeating: 1 / 6)),
        multiplyAdd(Vector(repeating: 1 / 6), far, near) + u.5
    )
}
