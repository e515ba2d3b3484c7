import Foundation
import Kernels
import Tensors
import TestSupport
import Testing

@Suite("Transcendental kernels")
struct TranscendentalTests {
    private typealias Kernel = @Sendable (UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int) -> Void

    private func apply(_ kernel: Kernel, to x: [Float]) -> [Float] {
        Tensor([x.count]) { y in x.withUnsafeBufferPointer { x in x.baseAddress.map { kernel($0, y, x.count) } } }
            .elements
    }

    private let numbers =
        stride(from: Float(-80), through: 80, by: 0.0137).map(\.self)
        + stride(from: Float(-1), through: 1, by: 0.000_37).map(\.self) + [0, 1e-30, -1e-20, 0.625, -0.625]

    @Test("sigmoid and tanh lie within 3e-7 of the true values, relatively")
    func accuracy() throws {
        for engineCase in EngineCase.single {
            let kernels = try engineCase.make().kernels.elementwise
            for (x, y) in zip(numbers, apply(kernels.sigmoid, to: numbers)) {
                let expected = 1 / (1 + exp(-Double(x)))
                #expect(abs(Double(y) - expected) <= 3e-7 * expected, "sigmoid(\(x)), \(engineCase)")
            }
            for (x, y) in zip(numbers, apply(kernels.tanh, to: numbers)) {
                let expected = tanh(Double(x))
                #expect(abs(Double(y) - expected) <= 3e-7 * abs(expected), "tanh(\(x)), \(engineCase)")
            }
        }
    }

    @Test("a number's result does not depend on its place, and nothing behind the last one is touched")
    func places() throws {
        for engineCase in EngineCase.single {
            let kernels = try engineCase.make().kernels.elementwise
            for kernel: Kernel in [kernels.sigmoid, kernels.tanh] {
                let all = apply(kernel, to: numbers)
                for count in [1, 3, 7, 9, 15, 17, 31] {
                    let guarded: Kernel = { x, y, _ in
                        kernel(x, y, count)
                        y[count] = 7
                    }
                    let part = apply(guarded, to: Array(numbers[100...100 + count]))
                    #expect(part == Array(all[100..<100 + count]) + [7], "\(count) numbers, \(engineCase)")
                }
            }
        }
    }

    @Test("infinities saturate, a NaN stays")
    func extremes() throws {
        let x: [Float] = [.infinity, -.infinity, 1000, -1000, .nan]
        for engineCase in EngineCase.single {
            let kernels = try engineCase.make().kernels.elementwise
            let (sigmoids, tangents) = (apply(kernels.sigmoid, to: x), apply(kernels.tanh, to: x))
            #expect(sigmoids[0] == 1 && sigmoids[1] < 1e-37 && sigmoids[2] == 1 && sigmoids[3] < 1e-37)
            #expect(tangents.prefix(4) == [1, -1, 1, -1])
            #expect(sigmoids[4].isNaN && tangents[4].isNaN)
        }
    }
}
