import Autograd
import Checkpoints
import Cluster
import Foundation
import Hashing
import Messaging
import Models
import Optimizers
import Tensors
import Testing
import Training

@Suite("Snapshot")
struct SnapshotTests {
    private func replica(_ overrides: String...) throws -> Replica {
        try Replica(RunConfiguration.defaults(overrides: overrides), threads: 1, environmentPath: nil)
    }

    @Test("holds parameters, buffers and counters under PyTorch's names and in its layouts")
    func names() throws {
        let simple = try Snapshot(replica(), stepsPerEpoch: 5)
        let file = try SafeTensorsFile(bytes: simple.files[0].bytes, name: "model")
        let shapes = Dictionary(uniqueKeysWithValues: file.tensors.map { ($0.name, $0.shape) })
        #expect(
            shapes == [
                "conv1.weight": [16, 3, 3, 3], "conv1.bias": [16],
                "conv2.weight": [32, 16, 3, 3], "conv2.bias": [32],
                "fc1.weight": [128, 2048], "fc1.bias": [128], "fc2.weight": [10, 128], "fc2.bias": [10],
            ])
        #expect(file.metadata == ["format": "pt", "model": "simple_cnn"])

        let residual = try replica("model.name=resnet20")
        let model = try SafeTensorsFile(
            bytes: Snapshot(residual, stepsPerEpoch: 5).files[0].bytes, name: "model")
        let arena = residual.model.arena
        let expected = arena.parameters.map(\.name) + arena.buffers.map(\.name) + arena.counters.map(\.name)
        #expect(model.tensors.map(\.name).sorted() == expected.sorted())
        for name in model.tensors.map(\.name) where name.hasSuffix("num_batches_tracked") {
            #expect(model.description(of: name)?.type == .int64 && model.description(of: name)?.shape == [])
        }
        #expect(expected.contains { $0.hasSuffix("running_var") })
    }

    @Test("holds the values of the moment and hashes them as a reader of the file does")
    func values() throws {
        let replica = try replica("model.name=resnet20")
        let arena = replica.model.arena
        replica.place.steps = 3
        replica.place.samples = 77
        let snapshot = try Snapshot(replica, stepsPerEpoch: 2)
        let file = try SafeTensorsFile(bytes: snapshot.files[0].bytes, name: "model")
        #expect(file.parameterHash().hexadecimal == snapshot.parameterHash)
        #expect(try Snapshot.parameterHash(replica.model) == snapshot.parameterHash)
        for parameter in arena.parameters {
            #expect(try file.elements(parameter.name, as: Float.self) == arena.value(of: parameter).elements)
        }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let state = try decoder.decode(Snapshot.State.self, from: snapshot.files[2].bytes)
        #expect(state.step == 3 && state.epoch == 1 && state.samples == 77 && state.shards == 2)
        #expect(state.parameterHash == snapshot.parameterHash)

        // The hash sees parameters, buffers and counters.
        var hashes: Set<String> = [snapshot.parameterHash]
        arena.values[arena.parameterRange.lowerBound] += 1
        hashes.insert(try Snapshot.parameterHash(replica.model))
        arena.values[arena.bufferRange.lowerBound] += 1
        hashes.insert(try Snapshot.parameterHash(replica.model))
        arena.counts[0] += 1
        hashes.insert(try Snapshot.parameterHash(replica.model))
        #expect(hashes.count == 4)
    }

    @Test("holds the average of the weights under the same names, where one is kept")
    func average() throws {
        let replica = try replica("model.name=resnet20", "training.ema_decay=0.9")
        let average = try #require(replica.optimizer.average)
        average.values[average.parameterRange.lowerBound] += 1
        let snapshot = try Snapshot(replica, stepsPerEpoch: 5)
        #expect(
            snapshot.files.map(\.name) == [
                "model.safetensors", "optimizer.safetensors", "ema.safetensors", "state.json",
            ])
        let model = try SafeTensorsFile(bytes: snapshot.files[0].bytes, name: "model")
        let file = try SafeTensorsFile(bytes: snapshot.files[2].bytes, name: "ema")
        #expect(file.tensors.map(\.name) == model.tensors.map(\.name))
        #expect(model.parameterHash().hexadecimal == snapshot.parameterHash, "the hash is that of the weights")
        #expect(file.parameterHash() != model.parameterHash())
    }

    @Test("gives another replica the same state, in whatever parts it came, or nothing when it is damaged")
    func restore() throws {
        let replica = try replica("model.name=resnet20", "training.ema_decay=0.9")
        let arena = replica.model.arena
        replica.optimizer.average?.values[5] = 42
        for index in arena.parameterRange { arena.values[index] += Float(index % 7) }
        for index in arena.bufferRange { arena.values[index] = Float(index % 5) }
        for index in 0..<replica.optimizer.count { replica.optimizer.slots[0][index] = Float(index % 11) }
        arena.counts[0] = 9
        replica.place.steps = 12
        replica.place.updates = 11
        replica.place.epochSamples = 40
        let snapshot = try Snapshot(replica, stepsPerEpoch: 5)

        let other = try self.replica("model.name=resnet20", "training.ema_decay=0.9")
        try snapshot.restore(other)
        let copy = try Snapshot(other, stepsPerEpoch: 5)
        #expect(copy.files.map(\.bytes) == snapshot.files.map(\.bytes))
        #expect(other.place == replica.place && other.optimizer.steps == 11)
        var joined: [String: Data] = [:]
        for (part, bytes) in snapshot.parts { joined[part.file, default: Data()].append(bytes.data) }
        #expect(snapshot.files.allSatisfy { joined[$0.name] == $0.bytes })
        #expect(snapshot.parts.map(\.part.isLast) == [false, false, false, true])

        let seed = try self.replica("model.name=resnet20", "training.ema_decay=0.9", "run.seed=7")
        #expect {
            try snapshot.restore(seed)
        } throws: {
            "\($0)"
                == "the state of the replica cannot be taken over: it was made with seed 1 and 2 shards, not with 7 and 2"
        }
    }

    @Test("holds the optimizer's slots, one tensor for each parameter")
    func optimizer() throws {
        let replica = try replica()
        let snapshot = try Snapshot(replica, stepsPerEpoch: 5)
        #expect(snapshot.files.map(\.name) == ["model.safetensors", "optimizer.safetensors", "state.json"])
        let file = try SafeTensorsFile(bytes: snapshot.files[1].bytes, name: "optimizer")
        let slots = replica.optimizer.optimizer.slotNames
        #expect(slots.count == 1)
        let expected = slots.flatMap { slot in replica.model.arena.parameters.map { "\(slot).\($0.name)" } }
        #expect(file.tensors.map(\.name).sorted() == expected.sorted())
    }
}
