import Kernels

func addBias(_ x: Destination, _ bias: Source, _ rows: Int, _ channels: Int) {
    for row in 0..<rows {
        let line = x + row &* channels
        for c in 0..<channels { line[c] += bias[c] }
    }
}

/// Rows that are summed before the sum is added to the total: keeps rounding errors small and the block in the L1 cache.
let sumBlock = 64

func sum(_ x: Source, _ sums: Destination, _ rows: Int, _ channels: Int, _ adds: Bool) {
    if channels % Vector.scalarCount == 0 { return sumOfVectors(x, sums, rows, channels, adds) }
    if !adds { sums.update(repeating: 0, count: channels) }
    withUnsafeTemporaryAllocation(of: Float.self, capacity: channels) { scratch in
        guard let part = scratch.baseAddress else { return }
        var first = 0
        while first < rows {
            let end = min(first &+ sumBlock, rows)
            part.update(repeating: 0, count: channels)
            for row in first..<end {
                let line = x + row &* channels
                for c in 0..<channels { part[c] += line[c] }
            }
            for c in 0..<channels { sums[c] += part[c] }
            first = end
        }
    }
}

func moments(_ x: Source, _ mean: Destination, _ m2: Destination, _ rows: Int, _ channels: Int) {
    if channels % Vector.scalarCount == 0 { return momentsOfVectors(x, mean, m2, rows, channels) }
    mean.update(repeating: 0, count: channels)
    m2.update(repeating: 0, count: channels)
    withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 &* channels) { scratch in
        guard let blockMean = scratch.baseAddress else { return }
        let blockM2 = blockMean + channels
        var first = 0
        while first < rows {
            let end = min(first &+ sumBlock, rows)
            let count = Float(end &- first)
            blockMean.update(repeating: 0, count: channels)
            for row in first..<end {
                let line = x + row &* channels
                for c in 0..<channels { blockMean[c] += line[c] }
            }
            let inverse = 1 / count
            for c in 0..<channels { blockMean[c] *= inverse }
            blockM2.update(repeating: 0, count: channels)
            for row in first..<end {
                let line = x + row &* channels
                for c in 0..<channels {
                    let difference = line[c] - blockMean[c]
                    blockM2[c] += difference * difference
                }
            }
            let before = Float(first)
            let weight = count / (before + count)
            for c in 0..<channels {
                let difference = blockMean[c] - mean[c]
                mean[c] += difference * weight
                m2[c] += blockM2[c] + difference * difference * before * weight
            }
            first = end
        }
    }
}

func affine(_ x: Source, _ scale: Source, _ shift: Source, _ y: Destination, _ rows: Int, _ channels: Int) {
    for row in 0..<rows {
        let source = x + row &* channels
        let line = y + row &* channels
        for c in 0..<channels { line[c] = source[c] * scale[c] + shift[c] }
    }
}

func gradientSums(
    _ x: Source, _ dy: Source, _ mean: Source, _ sumDy: Destination, _ sumDyX: Destination, _ rows: Int, _ channels: Int
) {
    sumDy.update(repeating: 0, count: channels)
    sumDyX.update(repeating: 0, count: channels)
    withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 &* channels) { scratch in
        guard let partDy = scratch.baseAddress else { return }
        let partDyX = partDy + channels
        var first = 0
        while first < rows {
            let end = min(first &+ sumBlock, rows)
            partDy.update(repeating: 0, count: 2 &* channels)
            for row in first..<end {
                let values = x + row &* channels
                let gradients = dy + row &* channels
                for c in 0..<channels {
                    partDy[c] += gradients[c]
                    partDyX[c] += gradients[c] * (values[c] - mean[c])
                }
            }
            for c in 0..<channels {
                sumDy[c] += partDy[c]
                sumDyX[c] += partDyX[c]
            }
            first = end
        }
    }
}

func affineGradient(
    _ x: Source, _ dy: Source, _ mean: Source, _ a: Source, _ b: Source, _ d: Source, _ dx: Destination, _ rows: Int,
    _ channels: Int, _ adds: Bool
) {
    for row in 0..<rows {
        let values = x + row &* channels
        let gradients = dy + row &* channels
        let line = dx + row &* channels
        if adds {
            for c in 0..<channels { line[c] += a[c] * gradients[c] + b[c] * (values[c] - mean[c]) + d[c] }
        } else {
            for c in 0..<channels { line[c] = a[c] * gradients[c] + b[c] * (values[c] - mean[c]) + d[c] }
        }
    }
}

func scaleRows(
    _ x: Source, _ factors: Source, _ y: Destination, _ rows: Int, _ channels: Int, _ adds: Bool
) {
    for row in 0..<rows {
        let source = x + row &* channels
        let line = y + row &* channels
        for c in 0..<channels { line[c] = (adds ? line[c] : 0) + source[c] * factors[c] }
    }
}

func copyRows(
    _ x: Source, _ xStride: Int, _ y: Destination, _ yStride: Int, _ rows: Int, _ channels: Int, _ adds: Bool
) {
    for row in 0..<rows {
        let source = x + row &* xStride
        let line = y + row &* yStride
        if adds {
            for c in 0..<channels { line[c] += source[c] }
        } else {
            for c in 0..<channels { line[c] = source[c] }
        }
    }
}
