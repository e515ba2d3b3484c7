import Cluster
import Foundation
import Logging
import Messaging
import Tensors
import Testing

@Suite("ControlCodec")
struct ControlCodecTests {
    static let workerMessages: [WorkerMessage] = [
        .hello(hello("a")), .ready(Readiness(sameIdentity, steps: 3)),
        .heartbeat(Progress(step: 3, phase: .saving)), .steps([stepReport(4)]),
        .evaluation(
            .init(epoch: 1, chunkCount: 3, chunks: [.init(index: 2, count: 9, correct: 4, lossSum: 0.1, lossWeight: 9)])
        ),
        .checkpointPart(.init(file: "model.safetensors", step: 9, offset: 1, totalBytes: 3, isLast: false)),
        .finished(finalReport()), .failed(WorkerFailure("no", origin: .consequence)), .log(LogLine(.warning, "hm")),
        .paused(Pause(steps: 4, reason: "lost", suspects: [1])), .leaving,
        .verification(Verification(steps: 9, parameterHash: "h0")),
    ]
    static let coordinatorMessages: [CoordinatorMessage] = [
        .configuration(RunOffer(yaml: "a: \"ö\"\n", heartbeatTimeoutSeconds: 5, reattachTimeoutSeconds: 60)),
        .refused(reason: "no"),
        .start(
            Assignment(
                generation: 1, rank: 0,
                members: [
                    .init(
                        rank: 0, id: "a", host: "h", pid: 1, dataAddress: "tcp://[::1]:5",
                        stateAddress: "tcp://[::1]:6",
                        steps: 7)
                ], shardCounts: [4], firstStep: 7)),
        .reattach, .ping(.init(steps: 3)), .pause, .halt(reason: "y"), .evaluated(epoch: 2), .save,
        .conclude(savesCheckpoint: true),
        .rejoin(reason: "z"), .abort(reason: "x"), .goodbye,
    ]

    @Test("every message survives the way to bytes and back")
    func roundTrip() throws {
        for message in Self.workerMessages {
            let envelope = Envelope(run: "r", generation: 2, message)
            let back = try ControlCodec.envelope(
                in: ControlCodec.frames(envelope, payload: message.carriesPayload ? Frame([1, 2]) : nil),
                as: WorkerMessage.self)
            #expect(back == envelope)
        }
        for message in Self.coordinatorMessages {
            let envelope = Envelope(run: "r", generation: 2, message)
            #expect(try ControlCodec.decode(ControlCodec.encode(envelope)) == envelope)
        }
    }

    @Test("losses that are not finite survive, and finite ones keep every bit")
    func numbers() throws {
        for loss in [
            Double.nan, .infinity, -.infinity, 0.1 + 0.2, .leastNonzeroMagnitude, .greatestFiniteMagnitude, -0.0,
        ] {
            var report = stepReport(1)
            report.lossSum = loss
            let back = try ControlCodec.decode(
                ControlCodec.encode(Envelope(run: "r", generation: 1, WorkerMessage.steps([report]))),
                as: WorkerMessage.self)
            guard case .steps(let reports) = back.message, let same = reports.first else { return #expect(Bool(false)) }
            #expect(same.lossSum.bitPattern == loss.bitPattern || (loss.isNaN && same.lossSum.isNaN))
        }
    }

    @Test("a step is its values alone, each in its place")
    func stepValues() throws {
        let report = StepReport(
            epoch: 1, step: 2, stepsPerEpoch: 3, totalSteps: 4, samples: 9, lossSum: 10.5, lossWeight: 11.5, correct: 5,
            learningRate: 12.5, seconds: 13.5, computeSeconds: 14.5, communicationSeconds: 15.5, hiddenSeconds: 16.5,
            dataSeconds: 17.5)
        let bytes = try JSONEncoder().encode(report)
        let text = String(bytes: bytes, encoding: .utf8)
        #expect(text == "[1,2,3,4,9,10.5,11.5,5,12.5,13.5,14.5,15.5,16.5,17.5]")
        #expect(try JSONDecoder().decode(StepReport.self, from: bytes) == report)
    }

    @Test("each kind of unusable message has its own error")
    func refusals() throws {
        func error(_ text: String, payload: Int? = nil) -> ControlMessageError? {
            do throws(ControlMessageError) {
                _ = try ControlCodec.decode(Data(text.utf8), payloadBytes: payload, as: WorkerMessage.self)
                return nil
            } catch { return error }
        }
        func envelope(_ message: String, _ generation: Int = 1) -> String {
            #"{"version":4,"run":"r","generation":\#(generation),"message":\#(message)}"#
        }
        let part =
            #"{"checkpointPart":{"_0":{"file":"NAME","step":1,"offset":OFF,"totalBytes":8,"isFirst":true,"isLast":true}}}"#
        func named(_ name: String, at offset: String = "0") -> String {
            envelope(part.replacingOccurrences(of: "NAME", with: name).replacingOccurrences(of: "OFF", with: offset))
        }
        #expect(error("") == .malformed("it is no JSON"))
        #expect(error("{}") == .malformed("'version' is missing"))
        #expect(error(#"{"version":1,"surprise":1}"#) == .unsupportedVersion(1))
        #expect(error(#"{"version":4,"run":"r","message":{}}"#) == .malformed("'generation' is missing"))
        #expect(
            error(envelope(#"{"heartbeat":{"_0":{"step":-1,"phase":"saving","parts":0}}}"#)) == .invalid("step is -1"))
        #expect(
            error(envelope(#"{"heartbeat":{"_0":{"step":1,"phase":"saving","parts":-1}}}"#)) == .invalid("parts is -1"))
        #expect(
            error(envelope(#"{"heartbeat":{"_0":{"step":1,"phase":"dancing"}}}"#))?.description.contains("phase")
                == true)
        #expect(
            error(envelope(#"{"heartbeat":{"_0":{"step":1,"phase":"saving","parts":0}}}"#, -4))
                == .invalid("generation is -4"))
        #expect(error(named("model.safetensors"), payload: 8) == nil)
        #expect(error(named("model.safetensors")) == .invalid("its binary frame is missing"))
        #expect(error(named("../etc"), payload: 8) == .invalid("the file's name is unusable"))
        #expect(error(named(".hidden"), payload: 8) == .invalid("the file's name is unusable"))
        #expect(error(named("m", at: "1"), payload: 8) == .invalid("8 bytes at 1 do not lie in a file of 8"))
        #expect(error(named("m", at: "\(Int.max)"), payload: 8) != nil)
        #expect(error(named("m"), payload: 17 << 20) == .tooLong(bytes: 17 << 20, limit: 16 << 20))
        #expect(
            error(String(repeating: " ", count: 2 << 20))?.description
                == "a control message of 2097152 bytes is over the limit of 1048576; send it in smaller parts")
        #expect(
            error("{}")?.description
                == "a control message cannot be read ('version' is missing); start the same build everywhere")
        #expect(
            error(envelope(#"{"log":{"_0":{"level":"info","line":"x"}}}"#), payload: 1)?.description
                == "a control message contradicts itself (it came with a binary frame); start the same build everywhere"
        )
        #expect(throws: ControlMessageError.frameCount(0)) { try ControlCodec.envelope(in: [], as: WorkerMessage.self) }
    }

    @Test("bytes that were changed at random are refused or understood, never trapped, also by the coordinator")
    func fuzz() throws {
        let seed: UInt64 = 20
        var random = RandomStream(seed: seed)
        var refused = 0
        for round in 0..<4000 {
            let message = Self.workerMessages[round % Self.workerMessages.count]
            var bytes = [UInt8](try ControlCodec.encode(Envelope(run: "r1", generation: round % 3, message)))
            for _ in 0..<random.integer(below: 4) + 1 {
                let place = random.integer(below: bytes.count)
                switch random.integer(below: 4) {
                case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes.remove(at: place)
                case 2: bytes.insert(contentsOf: Array("9999999999".utf8).prefix(random.integer(below: 11)), at: place)
                default: bytes = Array(bytes.prefix(place)) + [UInt8](repeating: 0x7b, count: random.integer(below: 3))
                }
                if bytes.isEmpty { bytes = [0] }
            }
            var bench = CoordinatorBench(workers: 1)
            if round % 2 == 0 { bench.gather("a") }
            do throws(ControlMessageError) {
                let envelope = try ControlCodec.decode(
                    Data(bytes), payloadBytes: message.carriesPayload ? 2 : nil, as: WorkerMessage.self)
                bench.handle(.received(from: "a", envelope, payload: message.carriesPayload ? Frame([1, 2]) : nil))
            } catch {
                refused += 1
                bench.handle(.undecodable(from: "a", error))
            }
            bench.pass(.milliseconds(200))
        }
        #expect(refused > 1000, "seed \(seed)")
    }
}
