import Kernels

// Transposition of squares of as many vectors as a vector has lanes, by rounds of perfect shuffles in registers.

#if AVX512
private typealias Square = InlineArray<16, Vector>
#elseif AVX2
private typealias Square = InlineArray<8, Vector>
#else
private typealias Square = InlineArray<4, Vector>
#endif

/// The rows of the square become its columns: first within blocks of 4 × 4, then block by block.
///
/// Each step is one that instruction sets have a single instruction for.
@inline(__always)
private func transposed(_ square: Square) -> Square {
    let side = Vector.scalarCount
    var rows = square
    // Blocks of four lanes: neighbours interleaved, then pairs of them.
    for i in 0..<side / 4 {
        let (a, b) = (rows[unchecked: 4 &* i], rows[unchecked: 4 &* i &+ 1])
        let (c, d) = (rows[unchecked: 4 &* i &+ 2], rows[unchecked: 4 &* i &+ 3])
        let (low, high) = (interleaved(a, b, 0), interleaved(a, b, 2))
        let (lowNext, highNext) = (interleaved(c, d, 0), interleaved(c, d, 2))
        rows[unchecked: 4 &* i] = paired(low, lowNext, 0)
        rows[unchecked: 4 &* i &+ 1] = paired(low, lowNext, 2)
        rows[unchecked: 4 &* i &+ 2] = paired(high, highNext, 0)
        rows[unchecked: 4 &* i &+ 3] = paired(high, highNext, 2)
    }
    #if AVX512
    for i in 0..<4 {
        let (a, b) = (rows[unchecked: i], rows[unchecked: 4 &+ i])
        let (c, d) = (rows[unchecked: 8 &+ i], rows[unchecked: 12 &+ i])
        let (even, odd) = (blocks(a, b, 0), blocks(a, b, 1))
        let (evenNext, oddNext) = (blocks(c, d, 0), blocks(c, d, 1))
        rows[unchecked: i] = blocks(even, evenNext, 0)
        rows[unchecked: 4 &+ i] = blocks(odd, oddNext, 0)
        rows[unchecked: 8 &+ i] = blocks(even, evenNext, 1)
        rows[unchecked: 12 &+ i] = blocks(odd, oddNext, 1)
    }
    #elseif AVX2
    for i in 0..<4 {
        let (a, b) = (rows[unchecked: i], rows[unchecked: 4 &+ i])
        rows[unchecked: i] = blocks(a, b, 0)
        rows[unchecked: 4 &+ i] = blocks(a, b, 1)
    }
    #endif
    return rows
}

/// Of each block of four lanes two of a and two of b from lane `first` on, in turn.
@inline(__always)
private func interleaved(_ a: Vector, _ b: Vector, _ first: Int) -> Vector {
    var result = Vector()
    var block = 0
    while block < Vector.scalarCount {
        result[block] = a[block &+ first]
        result[block &+ 1] = b[block &+ first]
        result[block &+ 2] = a[block &+ first &+ 1]
        result[block &+ 3] = b[block &+ first &+ 1]
        block &+= 4
    }
    return result
}

/// Of each block of four lanes a pair of a and one of b, from lane `first` on.
@inline(__always)
private func paired(_ a: Vector, _ b: Vector, _ first: Int) -> Vector {
    var result = Vector()
    var block = 0
    while block < Vector.scalarCount {
        result[block] = a[block &+ first]
        result[block &+ 1] = a[block &+ first &+ 1]
        result[block &+ 2] = b[block &+ first]
        result[block &+ 3] = b[block &+ first &+ 1]
        block &+= 4
    }
    return result
}

/// Every second block of four lanes of a, from block `first` on, and then of b.
@inline(__always)
private func blocks(_ a: Vector, _ b: Vector, _ first: Int) -> Vector {
    let half = Vector.scalarCount / 2
    var result = Vector()
    for lane in 0..<half {
        let source = lane / 4 &* 8 &+ first &* 4 &+ lane % 4
        result[lane] = a[source]
        result[half &+ lane] = b[source]
    }
    return result
}

/// Calls `line` with each row of x as far as whole squares reach, transposed, and `element` with every other element.
///
/// `line(row, column, vector)`: column `column` of x from row `row` on.
@inline(__always)
private func transposeSquares(
    _ x: Source, _ rows: Int, _ columns: Int, _ line: (_ row: Int, _ column: Int, _ values: Vector) -> Void,
    _ element: (_ row: Int, _ column: Int, _ value: Float) -> Void
) {
    let side = Vector.scalarCount
    var row = 0
    while row < rows {
        let isWhole = row &+ side <= rows
        var column = 0
        while column < columns {
            if isWhole && column &+ side <= columns {
                let turned = transposed(Square { load(x + ((row &+ $0) &* columns &+ column)) })
                for i in 0..<side { line(row, column &+ i, turned[unchecked: i]) }
            } else {
                for i in row..<min(row &+ side, rows) {
                    for j in column..<min(column &+ side, columns) { element(i, j, x[i &* columns &+ j]) }
                }
            }
            column &+= side
        }
        row &+= side
    }
}

func transpose(_ x: Source, _ y: Destination, _ rows: Int, _ channels: Int, _ adds: Bool) {
    transposeSquares(x, rows, channels) { row, column, values in
        let place = y + (column &* rows &+ row)
        store(adds ? load(place) + values : values, place)
    } _: { row, column, value in
        let place = y + (column &* rows &+ row)
        place.pointee = adds ? place.pointee + value : value
    }
}

func packWeights(_ weights: Source, _ packed: Destination, _ outputs: Int, _ inputs: Int, _ taps: Int) {
    // A column of `[out, in · taps]` is a line of `[taps, in, out]`.
    transposeSquares(weights, outputs, inputs &* taps) { output, column, values in
        let (input, tap) = column.quotientAndRemainder(dividingBy: taps)
        store(values, packed + ((tap &* inputs &+ input) &* outputs &+ output))
    } _: { output, column, value in
        let (input, tap) = column.quotientAndRemainder(dividingBy: taps)
        packed[(tap &* inputs &+ input) &* outputs &+ output] = value
    }
}

func unpackWeights(
    _ packed: Source, _ weights: Destination, _ outputs: Int, _ inputs: Int, _ taps: Int, _ adds: Bool
) {
    let (side, columns) = (Vector.scalarCount, inputs &* taps)
    var output = 0
    while output < outputs {
        let isWhole = output &+ side <= outputs
        var column = 0
        while column < columns {
            if isWhole && column &+ side <= columns {
                let turned = transposed(
                    Square { i in
                        let (input, tap) = (column &+ i).quotientAndRemainder(dividingBy: taps)
                        return load(packed + ((tap &* inputs &+ input) &* outputs &+ output))
                    })
                for i in 0..<side {
                    let place = weights + ((output &+ i) &* columns &+ column)
                    store(adds ? load(place) + turned[unchecked: i] : turned[unchecked: i], place)
                }
            } else {
                for i in output..<min(output &+ side, outputs) {
                    for j in column..<min(column &+ side, columns) {
                        let (input, tap) = j.quotientAndRemainder(dividingBy: taps)
                        let value = packed[(tap &* inputs &+ input) &* outputs &+ i]
                        let place = weights + (i &* columns &+ j)
                        place.pointee = adds ? place.pointee + value : value
                    }
                }
            }
            column &+= side
        }
        output &+= side
    }
}

func packFlippedWeights(
    _ weights: Source, _ packed: Destination, _ outputs: Int, _ inputs: Int, _ taps: Int, _ some: Range<Int>
) {
    let width = some.count
    for output in 0..<outputs {
        let source = weights + (output &* inputs &+ some.lowerBound) &* taps
        for tap in 0..<taps {
            let target = packed + ((taps &- 1 &- tap) &* outputs &+ output) &* width
            for input in 0..<width { target[input] = source[input &* taps &+ tap] }
        }
    }
}
