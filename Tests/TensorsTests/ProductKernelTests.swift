import Kernels
import Tensors
import TestSupport
import Testing

@Suite("Matrix products in registers")
struct ProductKernelTests {
    /// A matrix, or its transpose, of which a share is zero, and some columns of another one.
    private struct Case {
        let rows, columns, depth: Int
        /// The columns of the matrices of which some are taken.
        let stride: Int
        let isTransposed: Bool
        let adds: Bool
        let a, b, c: [Float]

        init(lanes: Int, _ generator: inout CaseGenerator) {
            rows = generator.integer(in: 1...40)
            columns = lanes * generator.integer(in: 1...20)
            stride = columns + lanes * generator.integer(in: 0...2)
            depth = generator.element(of: [1, 2, 31, 63, 64, 65, 130])
            isTransposed = generator.integer(in: 0...1) == 1
            adds = generator.integer(in: 0...1) == 1
            let share = generator.element(of: [0, 1, 5, 9, 10])
            var values = generator.tensor([rows * depth]).elements
            for index in values.indices where generator.integer(in: 0...9) < share { values[index] = 0 }
            a = values
            b = generator.tensor([(depth - 1) * stride + columns]).elements
            c = generator.tensor([(rows - 1) * stride + columns]).elements
        }

        /// What `kernel` makes, reading and writing nothing behind the matrices.
        func run(_ kernel: ConvolutionKernels.MatrixProduct) throws -> [Float] {
            let result = try #require(GuardedMemory(copying: c))
            let left = try #require(GuardedMemory(copying: a))
            let right = try #require(GuardedMemory(copying: b))
            kernel(
                left.base, isTransposed ? 1 : depth, isTransposed ? rows : 1, right.base, result.base, stride, rows,
                columns, depth, adds)
            return Array(UnsafeBufferPointer(start: result.base, count: c.count))
        }

        var expected: [Double] {
            c.indices.map { index in
                let (row, column) = index.quotientAndRemainder(dividingBy: stride)
                guard column < columns else { return Double(c[index]) }
                return (0..<depth).reduce(adds ? Double(c[index]) : 0) { sum, i in
                    sum + Double(a[isTransposed ? i * rows + row : row * depth + i]) * Double(b[i * stride + column])
                }
            }
        }
    }

    @Test(
        "are their definition's, and the same bits when zeros are passed over", arguments: 0..<40 as Range<UInt64>)
    func products(seed: UInt64) throws {
        for entry in EngineCase.single {
            let kernels = try entry.make().kernels.convolution
            var generator = CaseGenerator(seed: seed)
            let example = Case(lanes: kernels.directLanes, &generator)
            let dense = try example.run(kernels.product)
            let sparse = try example.run(kernels.sparseProduct)
            let expected = example.expected
            #expect(
                zip(dense, expected).allSatisfy { abs(Double($0) - $1) <= 1e-5 * (1 + abs($1)) },
                "\(entry), seed \(seed)")
            #expect(dense == sparse, "\(entry), seed \(seed)")
        }
    }

    @Test("what zeros are multiplied by does not count, and what is not a number does")
    func notFinite() throws {
        for entry in EngineCase.single {
            let kernels = try entry.make().kernels.convolution
            let lanes = kernels.directLanes
            let b = [Float](repeating: .infinity, count: lanes) + [Float](repeating: 2, count: lanes)
            var c = [Float](repeating: 7, count: lanes)
            kernels.sparseProduct([0, 3], 2, 1, b, &c, lanes, 1, lanes, 2, false)
            #expect(c == [Float](repeating: 6, count: lanes), "\(entry)")
            kernels.sparseProduct([0, .nan], 2, 1, b, &c, lanes, 1, lanes, 2, false)
            #expect(c.allSatisfy { $0.isNaN }, "\(entry)")
        }
    }
}
