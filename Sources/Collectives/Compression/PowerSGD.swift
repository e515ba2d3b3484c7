import Tensors

/// Gradients of matrices as products of two thin factors, which are summed over the shards in their place.
///
/// M stands for a shard's gradients of one matrix with what was left out before. First the left factors P = M·Q are summed,
/// with the Q of the step before; the columns of the sum are made orthonormal. Then the right factors Q = Mᵀ·P are
/// summed. P·Qᵀ takes the place of the gradients, and each shard keeps M − P·Qᵀ, with its own Q, for the next step.
/// Whatever is no matrix, or too small to gain by it, travels with the left factors as it is.
///
/// Confined to the thread that computes.
///
/// - Determinism: factors belong to shards and are summed up the shard tree, so the result is the same for any number of
///   workers. What is left out, and Q, last as long as this object does.
/// - Source: Vogels, Karimireddy, Jaggi, PowerSGD: Practical Low-Rank Gradient Compression for Distributed Optimization,
///   2019, algorithms 1 and 2, with shards in place of workers.
public final class PowerSGD {
    /// A trained tensor: its elements in a block, and how many rows it has as a matrix.
    public struct Shape: Hashable, Sendable {
        let range: Range<Int>
        let rows: Int

        /// A tensor of `range.count` / `rows` columns; of convolutions the rows are the output channels.
        public init(_ range: Range<Int>, rows: Int) {
            self.range = range
            self.rows = rows
        }
    }

    /// A matrix, and where its factors lie in a block; both with one row for each of their columns.
    private struct Matrix {
        let range: Range<Int>
        let rows, columns, rank: Int
        let left, right: Int
        /// Where its factors lie in the object's own memory.
        let ownLeft, ownRight: Int
    }

    /// How many times smaller factors have to be than their matrix.
    private static let leastGain = 2

    /// The elements of a block that hold the left factors and what is not compressed.
    public let leftRange: Range<Int>
    /// The elements of a block that hold the right factors.
    public let rightRange: Range<Int>
    private let matrices: [Matrix]
    /// What is not compressed, and where it lies in a block of factors.
    private let others: [(range: Range<Int>, place: Int)]
    private let elements: Int
    private let seed: UInt64
    /// The orthonormal left factors of this step, and the right ones of the step before.
    private let left, right: UnsafeMutableBufferPointer<Float>
    /// Whether the memory of each shard holds what was left out in the step before.
    private var hasErrors = false
    private var isFinite = true

    /// Factors of `rank` columns at most for the tensors of `shapes`, which make up blocks of `elements` gradients.
    ///
    /// The first right factors are random numbers that belong to `seed`.
    public init(_ shapes: [Shape], elements: Int, rank: Int, seed: UInt64) {
        /// The columns of the factors; 0 when the tensor stays as it is.
        func columns(of shape: Shape) -> Int {
            let columns = shape.range.count / max(shape.rows, 1)
            let most = min(rank, shape.rows, columns)
            return (shape.rows + columns) * most * Self.leastGain <= shape.range.count ? most : 0
        }
        let leftElements = shapes.reduce(0) { sum, shape in
            sum + (columns(of: shape) > 0 ? shape.rows * columns(of: shape) : shape.range.count)
        }
        var matrices: [Matrix] = []
        var others: [(range: Range<Int>, place: Int)] = []
        var place = 0
        var (ownLeft, ownRight) = (0, 0)
        for shape in shapes {
            let rank = columns(of: shape)
            if rank > 0 {
                let matrix = Matrix(
                    range: shape.range, rows: shape.rows, columns: shape.range.count / shape.rows, rank: rank,
                    left: place, right: leftElements + ownRight, ownLeft: ownLeft, ownRight: ownRight)
                matrices.append(matrix)
                ownLeft += matrix.rows * rank
                ownRight += matrix.columns * rank
                place += matrix.rows * rank
            } else {
                others.append((shape.range, place))
                place += shape.range.count
            }
        }
        leftRange = 0..<leftElements
        rightRange = leftElements..<leftElements + ownRight
        precondition(rightRange.upperBound <= elements, "factors have room where gradients were")
        self.matrices = matrices
        self.others = others
        self.elements = elements
        self.seed = seed
        self.left = .allocate(capacity: ownLeft)
        right = .allocate(capacity: ownRight)
        self.left.initialize(repeating: 0)
        for matrix in matrices {
            for column in 0..<matrix.rank { renew(column, of: matrix) }
        }
    }

    deinit {
        left.deallocate()
        right.deallocate()
    }

    /// Writes a random column of a right factor.
    private func renew(_ column: Int, of matrix: Matrix) {
        var random = RandomStream(seed: seed, UInt64(matrix.range.lowerBound), UInt64(column))
        let start = matrix.ownRight + column * matrix.columns
        for place in start..<start + matrix.columns { right[place] = random.uniform(-1, 1) }
    }

    // MARK: - A step

    /// Replaces a shard's gradients by their left factors and what is not compressed.
    ///
    /// - Parameters:
    ///   - block: The shard's gradients.
    ///   - memory: What was left out of the shard before; takes the sum of both.
    public func formLeft(_ block: UnsafeMutablePointer<Float>, memory: UnsafeMutablePointer<Float>) {
        if hasErrors {
            for index in 0..<elements { memory[index] += block[index] }
        } else {
            memory.update(from: block, count: elements)
        }
        for (range, place) in others {
            (block + place).update(from: memory + range.lowerBound, count: range.count)
        }
        for matrix in matrices {
            for row in 0..<matrix.rows {
                let gradients = memory + matrix.range.lowerBound + row * matrix.columns
                for column in 0..<matrix.rank {
                    block[matrix.left + column * matrix.rows + row] = product(
                        gradients, factor(right, matrix.ownRight + column * matrix.columns), count: matrix.columns)
                }
            }
        }
    }

    /// Takes the sum of the left factors of all shards, and makes their columns orthonormal.
    ///
    /// - Returns: False when something in the sum is not finite: then this step has no right factors, and what was left
    ///   out so far is forgotten.
    public func orthogonalize(_ sum: UnsafePointer<Float>) -> Bool {
        isFinite = leftRange.allSatisfy { sum[$0].isFinite }
        hasErrors = isFinite
        guard isFinite else { return false }
        for matrix in matrices {
            let columns = factor(left, matrix.ownLeft)
            columns.update(from: sum + matrix.left, count: matrix.rows * matrix.rank)
            orthonormalize(columns, vectors: matrix.rank, length: matrix.rows)
        }
        return true
    }

    /// Writes a shard's right factors into `block`, and leaves in `memory` what they do not hold.
    public func formRight(_ block: UnsafeMutablePointer<Float>, memory: UnsafeMutablePointer<Float>) {
        for (range, _) in others { (memory + range.lowerBound).update(repeating: 0, count: range.count) }
        for matrix in matrices {
            let factor = block + matrix.right
            factor.update(repeating: 0, count: matrix.columns * matrix.rank)
            let gradients = memory + matrix.range.lowerBound
            forEachRow(of: matrix) { row, weight, column in
                let source = gradients + row * matrix.columns
                add(weight, times: source, to: factor + column * matrix.columns, count: matrix.columns)
            }
            forEachRow(of: matrix) { row, weight, column in
                let source = factor + column * matrix.columns
                add(-weight, times: source, to: gradients + row * matrix.columns, count: matrix.columns)
            }
        }
    }

    /// Writes the gradients that the summed factors stand for; not a number if the left ones were not finite.
    public func expand(_ sum: UnsafePointer<Float>, into gradients: UnsafeMutablePointer<Float>) {
        gradients.update(repeating: isFinite ? 0 : .nan, count: elements)
        guard isFinite else { return }
        for (range, place) in others { (gradients + range.lowerBound).update(from: sum + place, count: range.count) }
        for matrix in matrices {
            let factor = sum + matrix.right
            forEachRow(of: matrix) { row, weight, column in
                add(
                    weight, times: factor + column * matrix.columns,
                    to: gradients + matrix.range.lowerBound + row * matrix.columns, count: matrix.columns)
            }
            self.factor(right, matrix.ownRight).update(from: factor, count: matrix.columns * matrix.rank)
            // A column that says nothing would do so for ever.
            for column in 0..<matrix.rank
            where (0..<matrix.columns).allSatisfy({ factor[column * matrix.columns + $0] == 0 }) {
                renew(column, of: matrix)
            }
        }
    }

    // MARK: - Linear algebra

    private func factor(_ memory: UnsafeMutableBufferPointer<Float>, _ place: Int) -> UnsafeMutablePointer<Float> {
        guard let base = memory.baseAddress else { preconditionFailure("there are factors") }
        return base + place
    }

    /// Calls `body` for each row and column of the left factor, with the element there.
    private func forEachRow(of matrix: Matrix, _ body: (_ row: Int, _ weight: Float, _ column: Int) -> Void) {
        for row in 0..<matrix.rows {
            for column in 0..<matrix.rank { body(row, left[matrix.ownLeft + column * matrix.rows + row], column) }
        }
    }
}
