import Kernels

// Transposition of squares of as many vectors as a vector has lanes, by rounds of perfect shuffles in registers.

#if AVX512
private typealias Square = InlineArray<16, Vector>
#elseif AVX2
private typealias Square = InlineArray<8, Vector>
#else
private typealias Square = InlineArray<4, Vector>
#endif

/// The rows of the square become its columns.
@inline(__always)
private func transposed(_ square: Square) -> Square {
    let half = Vector.scalarCount / 2
    var rows = square
    var rounds = Vector.scalarCount
    while rounds > 1 {
        var shuffled = Square(repeating: .zero)
        for i in 0..<half {
            let (upper, lower) = (rows[unchecked: i], rows[unchecked: i &+ half])
            var first = Vector()
            var second = Vector()
            for lane in 0..<half {
                first[2 &* lane] = upper[lane]
                first[2 &* lane &+ 1] = lower[lane]
                second[2 &* lane] = upper[half &+ lane]
                second[2 &* lane &+ 1] = lower[half &+ lane]
            }
            shuffled[unchecked: 2 &* i] = first
            shuffled[unchecked: 2 &* i &+ 1] = second
        }
        rows = shuffled
        rounds /= 2
    }
    return rows
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
                var square = Square(repeating: .zero)
                for i in 0..<side { square[unchecked: i] = load(x + ((row &+ i) &* columns &+ column)) }
                let turned = transposed(square)
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
                var square = Square(repeating: .zero)
                for i in 0..<side {
                    let (input, tap) = (column &+ i).quotientAndRemainder(dividingBy: taps)
                    square[unchecked: i] = load(packed + ((tap &* inputs &+ input) &* outputs &+ output))
                }
                let turned = transposed(square)
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
