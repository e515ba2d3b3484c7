import Kernels

// Passes over `[rows, channels]` whose per-channel values stay in registers: columns of a few vectors, all rows of each.

/// Calls `body` with the first channel of each column of `vectors` vectors.
@inline(__always)
private func forEachColumn(_ channels: Int, _ vectors: Int, _ body: (_ channel: Int) -> Void) {
    var channel = 0
    while channel < channels {
        body(channel)
        channel &+= vectors &* Vector.scalarCount
    }
}

/// The positive lanes of `value`, zero elsewhere; NaN stays.
@inline(__always)
func rectified(_ value: Vector) -> Vector { value.replacing(with: Float(0), where: value .< Float(0)) }

func normalizeRows(
    _ x: Source, _ scale: Source, _ shift: Source, _ residual: Source?, _ y: Destination, _ rows: Int,
    _ channels: Int, _ rectifies: Bool
) {
    let vectors = channels / Vector.scalarCount
    if vectors % 4 == 0 {
        normalizeColumns(Columns<4>.self, x, scale, shift, residual, y, rows, channels, rectifies)
    } else if vectors % 2 == 0 {
        normalizeColumns(Columns<2>.self, x, scale, shift, residual, y, rows, channels, rectifies)
    } else {
        normalizeColumns(Columns<1>.self, x, scale, shift, residual, y, rows, channels, rectifies)
    }
}

/// So many vectors side by side.
private enum Columns<let vectors: Int> {
    @inline(__always)
    static func load(_ source: Source) -> InlineArray<vectors, Vector> {
        var values = InlineArray<vectors, Vector>(repeating: .zero)
        for v in 0..<vectors {
            values[unchecked: v] = UnsafeRawPointer(source + v &* Vector.scalarCount).loadUnaligned(as: Vector.self)
        }
        return values
    }
}

@inline(__always)
private func normalizeColumns<let vectors: Int>(
    _ columns: Columns<vectors>.Type, _ x: Source, _ scale: Source, _ shift: Source, _ residual: Source?,
    _ y: Destination, _ rows: Int, _ channels: Int, _ rectifies: Bool
) {
    forEachColumn(channels, vectors) { channel in
        let factors = columns.load(scale + channel)
        let offsets = columns.load(shift + channel)
        for row in 0..<rows {
            let place = row &* channels &+ channel
            for v in 0..<vectors {
                let index = place &+ v &* Vector.scalarCount
                var value = multiplyAdd(load(x + index), factors[unchecked: v], offsets[unchecked: v])
                if let residual { value += load(residual + index) }
                store(rectifies ? rectified(value) : value, y + index)
            }
        }
    }
}

/// dy where x · scale + shift is positive, zero elsewhere; all of dy without a mask.
@inline(__always)
private func masked(_ dy: Vector, _ x: Vector, _ scale: Vector, _ shift: Vector, _ masks: Bool) -> Vector {
    masks ? dy.replacing(with: Float(0), where: multiplyAdd(x, scale, shift) .<= Float(0)) : dy
}

func batchNormGradientSums(
    _ x: Source, _ dy: Source, _ mean: Source, _ scale: Source, _ shift: Source, _ sumDy: Destination,
    _ sumDyX: Destination, _ rows: Int, _ channels: Int, _ masks: Bool
) {
    let vectors = channels / Vector.scalarCount
    if vectors % 2 == 0 {
        sumColumns(Columns<2>.self, x, dy, mean, scale, shift, sumDy, sumDyX, rows, channels, masks)
    } else {
        sumColumns(Columns<1>.self, x, dy, mean, scale, shift, sumDy, sumDyX, rows, channels, masks)
    }
}

@inline(__always)
private func sumColumns<let vectors: Int>(
    _ columns: Columns<vectors>.Type, _ x: Source, _ dy: Source, _ mean: Source, _ scale: Source, _ shift: Source,
    _ sumDy: Destination, _ sumDyX: Destination, _ rows: Int, _ channels: Int, _ masks: Bool
) {
    sumDy.update(repeating: 0, count: channels)
    sumDyX.update(repeating: 0, count: channels)
    forEachColumn(channels, vectors) { channel in
        let means = columns.load(mean + channel)
        let factors = columns.load(scale + channel)
        let offsets = columns.load(shift + channel)
        var first = 0
        while first < rows {
            var sums = InlineArray<vectors, Vector>(repeating: .zero)
            var products = InlineArray<vectors, Vector>(repeating: .zero)
            for row in first..<min(first &+ sumBlock, rows) {
                let place = row &* channels &+ channel
                for v in 0..<vectors {
                    let index = place &+ v &* Vector.scalarCount
                    let value = load(x + index)
                    let gradient = masked(load(dy + index), value, factors[unchecked: v], offsets[unchecked: v], masks)
                    sums[unchecked: v] += gradient
                    products[unchecked: v] = multiplyAdd(
                        gradient, value - means[unchecked: v], products[unchecked: v])
                }
            }
            for v in 0..<vectors {
                let index = channel &+ v &* Vector.scalarCount
                store(load(sumDy + index) + sums[unchecked: v], sumDy + index)
                store(load(sumDyX + index) + products[unchecked: v], sumDyX + index)
            }
            first &+= sumBlock
        }
    }
}

func batchNormGradient(
    _ x: Source, _ dy: Source, _ mean: Source, _ scale: Source, _ shift: Source, _ a: Source, _ b: Source, _ d: Source,
    _ dx: Destination, _ rows: Int, _ channels: Int, _ masks: Bool
) {
    let vectors = channels / Vector.scalarCount
    if vectors % 2 == 0 {
        gradientColumns(Columns<2>.self, x, dy, mean, scale, shift, a, b, d, dx, rows, channels, masks)
    } else {
        gradientColumns(Columns<1>.self, x, dy, mean, scale, shift, a, b, d, dx, rows, channels, masks)
    }
}

@inline(__always)
private func gradientColumns<let vectors: Int>(
    _ columns: Columns<vectors>.Type, _ x: Source, _ dy: Source, _ mean: Source, _ scale: Source, _ shift: Source,
    _ a: Source, _ b: Source, _ d: Source, _ dx: Destination, _ rows: Int, _ channels: Int, _ masks: Bool
) {
    forEachColumn(channels, vectors) { channel in
        let means = columns.load(mean + channel)
        let factors = columns.load(scale + channel)
        let offsets = columns.load(shift + channel)
        let (a, b, d) = (columns.load(a + channel), columns.load(b + channel), columns.load(d + channel))
        for row in 0..<rows {
            let place = row &* channels &+ channel
            for v in 0..<vectors {
                let index = place &+ v &* Vector.scalarCount
                let value = load(x + index)
                let gradient = masked(load(dy + index), value, factors[unchecked: v], offsets[unchecked: v], masks)
                let centred = multiplyAdd(value - means[unchecked: v], b[unchecked: v], d[unchecked: v])
                store(multiplyAdd(gradient, a[unchecked: v], centred), dx + index)
            }
        }
    }
}

/// The vector form of `moments`, bit for bit: the loops over rows are inside, so that sums stay in registers.
func momentsOfVectors(_ x: Source, _ mean: Destination, _ m2: Destination, _ rows: Int, _ channels: Int) {
    if channels / Vector.scalarCount % 4 == 0 {
        momentsOfColumns(Columns<4>.self, x, mean, m2, rows, channels)
    } else {
        momentsOfColumns(Columns<1>.self, x, mean, m2, rows, channels)
    }
}

@inline(__always)
private func momentsOfColumns<let vectors: Int>(
    _ columns: Columns<vectors>.Type, _ x: Source, _ mean: Destination, _ m2: Destination, _ rows: Int, _ channels: Int
) {
    mean.update(repeating: 0, count: channels)
    m2.update(repeating: 0, count: channels)
    forEachColumn(channels, vectors) { channel in
        var first = 0
        while first < rows {
            let end = min(first &+ sumBlock, rows)
            let count = Float(end &- first)
            let weight = count / (Float(first) + count)
            let inverse = 1 / count
            var means = InlineArray<vectors, Vector>(repeating: .zero)
            for row in first..<end {
                let line = x + (row &* channels &+ channel)
                for v in 0..<vectors { means[unchecked: v] += load(line + v &* Vector.scalarCount) }
            }
            for v in 0..<vectors { means[unchecked: v] *= inverse }
            var squares = InlineArray<vectors, Vector>(repeating: .zero)
            for row in first..<end {
                let line = x + (row &* channels &+ channel)
                for v in 0..<vectors {
                    let difference = load(line + v &* Vector.scalarCount) - means[unchecked: v]
                    squares[unchecked: v] += difference * difference
                }
            }
            for v in 0..<vectors {
                let index = channel &+ v &* Vector.scalarCount
                let difference = means[unchecked: v] - load(mean + index)
                store(load(mean + index) + difference * weight, mean + index)
                let spread = difference * difference * Float(first) * weight
                store(load(m2 + index) + (squares[unchecked: v] + spread), m2 + index)
            }
            first = end
        }
    }
}

/// The vector form of `sum`, bit for bit.
func sumOfVectors(_ x: Source, _ sums: Destination, _ rows: Int, _ channels: Int, _ adds: Bool) {
    if channels / Vector.scalarCount % 4 == 0 {
        sumOfColumns(Columns<4>.self, x, sums, rows, channels, adds)
    } else {
        sumOfColumns(Columns<1>.self, x, sums, rows, channels, adds)
    }
}

@inline(__always)
private func sumOfColumns<let vectors: Int>(
    _ columns: Columns<vectors>.Type, _ x: Source, _ sums: Destination, _ rows: Int, _ channels: Int, _ adds: Bool
) {
    if !adds { sums.update(repeating: 0, count: channels) }
    forEachColumn(channels, vectors) { channel in
        var first = 0
        while first < rows {
            var part = InlineArray<vectors, Vector>(repeating: .zero)
            for row in first..<min(first &+ sumBlock, rows) {
                let line = x + (row &* channels &+ channel)
                for v in 0..<vectors { part[unchecked: v] += load(line + v &* Vector.scalarCount) }
            }
            for v in 0..<vectors {
                let place = sums + (channel &+ v &* Vector.scalarCount)
                store(load(place) + part[unchecked: v], place)
            }
            first &+= sumBlock
        }
    }
}
