import Autograd
import Configuration
import Optimizers
import Tensors
import TestSupport
import Testing

@Suite("Updates")
struct UpdateTests {
    private static let rules = OptimizerCatalog.all.map { $0.name }

    /// Large parameters and small ones, in no order of sizes.
    private func arena(seed: UInt64) -> ParameterArena {
        let builder = ParameterBuilder()
        for (name, shape) in [
            ("a.weight", [300, 301]), ("a.bias", [300]), ("b.weight", [3, 5]), ("b.bias", [1]), ("c.weight", [40_000]),
        ] as [(String, Shape)] {
            _ = builder.parameter(name, shape, Normals())
        }
        return builder.build(seed: seed)
    }

    private func block(for arena: ParameterArena, seed: UInt64) -> GradientBlock {
        let block = GradientBlock(for: arena)
        var random = RandomStream(seed: seed, 1)
        for parameter in arena.parameters {
            for index in parameter.range { block.base[index] = random.normal() }
        }
        block[.lossWeight] = 3
        return block
    }

    /// Parameters, state and average after three steps.
    private func after(
        _ section: String, _ engineCase: EngineCase, clipping: GradientClipping = .none
    ) throws -> [[Float]] {
        let arena = arena(seed: 1)
        let state = try OptimizerState(optimizer(section), for: arena, averageDecay: 0.5)
        let engine = try engineCase.make()
        for step in 0..<3 as Range<UInt64> {
            state.update(arena, block(for: arena, seed: step), learningRate: 0.1, clipping: clipping, engine)
        }
        let slots = state.slots.map { Array(UnsafeBufferPointer(start: $0, count: state.count)) }
        return [arena.elements, state.average?.elements ?? []] + slots
    }

    @Test("neither the number of threads nor the instruction set changes a bit", arguments: rules)
    func sameBits(rule: String) throws {
        let clipping = GradientClipping(maximumNorm: 1, maximumValue: 0.003)
        let section = "{name: \(rule), groups: [{match: '*.bias', learning_rate_factor: 3}]}"
        let expected = try after(section, .baseline, clipping: clipping)
        #expect(expected.joined().allSatisfy { $0.isFinite })
        for engineCase in EngineCase.single.flatMap({ [$0, $0.with(threads: 2), $0.with(threads: 3)] }) {
            #expect(try after(section, engineCase, clipping: clipping) == expected, "\(engineCase)")
        }
    }

    @Test("groups of equal settings change nothing", arguments: rules)
    func equalGroups(rule: String) throws {
        // Regions fall apart at the groups' borders; every element must move as before.
        let plain = try after("{name: \(rule), weight_decay: 0.1}", .baseline)
        let grouped = try after(
            "{name: \(rule), weight_decay: 0.1, groups: [{match: '*.bias', weight_decay: 0.1}, {match: 'c*'}]}",
            .baseline)
        #expect(grouped == plain)
    }

    @Test("a step without a sample that counts changes nothing but what momentum and decay do", arguments: rules)
    func nothingCounts(rule: String) throws {
        let arena = arena(seed: 1)
        let before = arena.elements
        let state = try OptimizerState(optimizer("{name: \(rule), weight_decay: 0}"), for: arena)
        state.update(arena, GradientBlock(for: arena), learningRate: 0.1, try Engine())
        #expect(arena.elements == before)
    }

    @Test("gradients that are not numbers stay visible through both kinds of clipping", arguments: rules)
    func notANumber(rule: String) throws {
        for clipping in [
            GradientClipping(maximumNorm: 1, maximumValue: nil), GradientClipping(maximumNorm: nil, maximumValue: 1),
        ] {
            let arena = arena(seed: 1)
            let block = block(for: arena, seed: 1)
            block.base[7] = .nan
            let state = try OptimizerState(optimizer("{name: \(rule)}"), for: arena)
            state.update(arena, block, learningRate: 0.1, clipping: clipping, try Engine())
            #expect(arena.values[7].isNaN)
        }
    }

    @Test("a group's factor and decay apply to what it matches first, and to nothing else")
    func groups() throws {
        let section = """
            {momentum: 0, nesterov: false, weight_decay: 0.5, groups: [
            {match: 'a.*', learning_rate_factor: 0}, {match: '*.bias', weight_decay: 0.25}]}
            """
        let arena = arena(seed: 1)
        let before = arena.elements
        let block = GradientBlock(for: arena)
        try OptimizerState(optimizer(section), for: arena).update(arena, block, learningRate: 1, Engine())
        for parameter in arena.parameters {
            let factor: Float =
                parameter.name.hasPrefix("a.") ? 1 : parameter.name == "b.bias" ? 0.75 : 0.5
            let expected = before[parameter.range].map { $0 - (1 - factor) * $0 }
            #expect(arena.value(of: parameter).elements == expected, "\(parameter.name)")
        }
    }

    @Test("a pattern that matches no parameter is refused by its place, with the nearest name")
    func unmatched() throws {
        func problem(_ groups: String) -> String {
            do {
                _ = try OptimizerState(optimizer("{groups: \(groups)}"), for: arena(seed: 1))
                return "no problem"
            } catch {
                return "\(error)"
            }
        }
        #expect(
            problem("[{match: '*.weight'}, {match: a.biass}]")
                == "'optimizer.groups[1].match' is 'a.biass', which matches no parameter of the model; "
                + "did you mean 'a.bias'?")
        #expect(
            problem("[{match: '*.gamma'}]")
                == "'optimizer.groups[0].match' is '*.gamma', which matches no parameter of the model; "
                + "names are like 'a.weight', and * stands for any part")
        #expect(problem("[{match: 'a.*'}, {match: 'a.bias'}]") == "no problem", "it matches, though too late")
    }
}

/// Fills with normal numbers.
private struct Normals: Initializer {
    func fill(_ elements: UnsafeMutablePointer<Float>, _ shape: Shape, _ random: inout RandomStream) {
        for index in 0..<shape.count { elements[index] = random.normal() }
    }
}
