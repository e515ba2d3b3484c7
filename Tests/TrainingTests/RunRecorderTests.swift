import Checkpoints
import Cluster
import Foundation
import Logging
import Messaging
import Testing
import Training

@Suite("Run recorder")
struct RunRecorderTests {
    /// Remembers what a person would have seen.
    final class Screen: RunDisplay {
        var lines: [String] = []
        var progress: [ProgressLine] = []
        var warnings: [String] = []

        func print(_ line: String) { lines.append(line) }
        func show(_ progress: ProgressLine) { self.progress.append(progress) }
        func warn(_ line: String) { warnings.append(line) }
    }

    /// A run of two epochs of two steps, and what it wrote.
    struct Bench {
        let folder: TemporaryFolder
        let screen = Screen()
        let directory: RunDirectory
        let recorder: RunRecorder
        let hub: any Transport

        init() throws {
            folder = try TemporaryFolder()
            directory = try RunDirectory(creatingIn: folder.path, name: "run")
            let environment = EnvironmentRecord(
                run: directory.id, version: "1", build: "1+a", startedAt: "now", host: "here", operatingSystem: "Linux",
                cpu: "some", cores: 2, memoryMB: 1, openblasCore: "Haswell", zeromqVersion: "4", command: ["convoy"])
            hub = try InMemoryNetwork().endpoint("hub")
            recorder = try RunRecorder(
                RunConfiguration.defaults(overrides: ["training.epochs=2"]), directory: directory,
                environment: environment, ledger: Ledger.open(path: directory.file(Ledger.name)).ledger,
                coordinator: Coordinator(transport: hub, settings: .init(run: "r", yaml: "", workers: 2)),
                display: screen)
        }

        /// What takes the place of the recorder, with a journal of its own that it takes no interest in.
        func follow(_ records: [Ledger.Record]) throws -> RunRecorder {
            let environment = EnvironmentRecord(
                run: directory.id, version: "1", build: "1+a", startedAt: "later", host: "here",
                operatingSystem: "Linux", cpu: "some", cores: 2, memoryMB: 1, openblasCore: "Haswell",
                zeromqVersion: "4", command: ["convoy"])
            return try RunRecorder(
                RunConfiguration.defaults(overrides: ["training.epochs=2"]), directory: directory,
                environment: environment, ledger: Ledger.open(path: directory.file("another journal")).ledger,
                past: records,
                coordinator: Coordinator(transport: hub, settings: .init(run: "r", yaml: "", workers: 2)),
                display: screen)
        }

        /// The step of the newest good checkpoint.
        var savedStep: Int? {
            get throws {
                try CheckpointStore(directory: directory.checkpoints, keep: 3).newest { Issue.record("\($0)") }?.step
            }
        }

        func text(_ name: String) throws -> String { try folder.text("\(directory.id)/\(name)") }

        func json(_ name: String) throws -> [String: Any] {
            let object = try JSONSerialization.jsonObject(with: Data(try text(name).utf8))
            return try #require(object as? [String: Any])
        }

        func start() {
            let members = (0..<2).map { rank in
                Assignment.Member(
                    rank: rank, id: rank == 0 ? "b" : "a", host: "here", pid: Int32(10 + rank),
                    dataAddress: "tcp://x:\(rank)", stateAddress: "tcp://y:\(rank)", steps: 0)
            }
            var introductions: [RunPast.Member] = []
            for (id, pid) in [("a", Int32(11)), ("b", 10)] {
                let hello = Hello(
                    build: "1+a", host: "here", pid: pid, threads: 1, kernels: "avx2", blasCore: "Haswell",
                    dataAddress: "tcp://x:1", stateAddress: "tcp://y:1")
                recorder.observe(.joined(PeerID(stringLiteral: id), hello))
                introductions.append(.init(id: PeerID(stringLiteral: id), hello: hello))
            }
            let assignment = Assignment(
                generation: 1, rank: 0, members: members, shardCounts: [1, 1], firstStep: 0)
            recorder.observe(.started(assignment, introductions, nil))
        }

        func step(_ step: Int, samples: Int = 4, lossSum: Double = 8) {
            steps(step..<step + 1, samples: samples, lossSum: lossSum)
        }

        func steps(_ steps: Range<Int>, samples: Int = 4, lossSum: Double = 8) {
            recorder.observe(
                .stepped(
                    steps.map { step in
                        StepReport(
                            epoch: step / 2, step: step, stepsPerEpoch: 2, totalSteps: 4, samples: samples,
                            lossSum: lossSum, lossWeight: Double(samples),
                            correct: 1, learningRate: 0.5, seconds: 0.25, computeSeconds: 0.125,
                            communicationSeconds: 0.0625, dataSeconds: 0.0625)
                    }))
        }

        func evaluate(_ epoch: Int) {
            recorder.observe(
                .evaluated(EvaluationTotals(epoch: epoch, samples: 10, correct: 5, lossSum: 20, lossWeight: 10)))
        }

        func checkpoint(_ step: Int, bytes: [UInt8] = [1, 2, 3, 4]) {
            for offset in stride(from: 0, to: bytes.count, by: 2) {
                let end = min(offset + 2, bytes.count)
                let part = CheckpointPart(
                    file: "model.safetensors", step: step, offset: offset, totalBytes: bytes.count,
                    isFirst: offset == 0, isLast: end == bytes.count)
                recorder.observe(.checkpointPart(part, Frame(Array(bytes[offset..<end]))))
            }
        }

        func report(steps: Int, isComplete: Bool = true) -> FinalReport {
            FinalReport(
                isComplete: isComplete, steps: steps, samples: 4 * steps, skippedSamples: 0, repeatedSamples: 0,
                parameterHash: "abc", peakMemoryMB: 1)
        }
    }

    @Test("an epoch's record holds its own steps, also when its evaluation is complete after the next step")
    func lateEvaluation() throws {
        let bench = try Bench()
        bench.start()
        bench.step(0)
        bench.step(1, samples: 2, lossSum: 1)
        bench.step(2)
        bench.evaluate(0)
        let line = try bench.text("metrics.jsonl").split(separator: "\n").last.map(String.init) ?? ""
        #expect(line.hasPrefix(#"{"epoch":0,"kind":"epoch","samples":6,"#), "\(line)")
        #expect(line.hasSuffix(#""train_loss":1.5}"#), "\(line)")
    }

    @Test("a complete run leaves its result, a line for each step and epoch, and a checkpoint")
    func complete() throws {
        let bench = try Bench()
        bench.start()
        for epoch in 0..<2 {
            bench.step(2 * epoch)
            bench.step(2 * epoch + 1, samples: 2, lossSum: 1)
            bench.evaluate(epoch)
        }
        bench.checkpoint(4)
        let result = try bench.recorder.conclude(.completed(bench.report(steps: 4)))
        #expect(result.status == .completed)
        #expect(result.epochs == 2 && result.steps == 4 && result.samples == 12)
        #expect(result.workers == 2 && result.generations == 1)
        #expect(result.trainLoss == 1.5 && result.testAccuracy == 0.5 && result.testLoss == 2)
        #expect(result.parameterHash == "abc" && result.lostSteps == 0 && result.error == nil)
        #expect(try JSONDecoder().decode(RunResult.self, from: Data(bench.text("result.json").utf8)) == result)

        let lines = try bench.text("metrics.jsonl").split(separator: "\n").map(String.init)
        #expect(lines.count == 6)
        let step =
            #"{"accuracy":0.25,"communication_seconds":0.0625,"compute_seconds":0.125,"data_seconds":0.0625,"epoch":0,"#
            + #""hidden_seconds":0,"kind":"step","learning_rate":0.5,"loss":2,"samples":4,"seconds":0.25,"step":0}"#
        #expect(lines[0] == step)
        let epoch =
            #"{"epoch":0,"kind":"epoch","samples":6,"samples_per_second":12,"seconds":0.5,"steps":2,"test_accuracy":0.5,"#
            + #""test_loss":2,"test_samples":10,"train_accuracy":0.3333333333333333,"train_loss":1.5}"#
        #expect(lines[2] == epoch)
        #expect(try bench.savedStep == 4)
        #expect(bench.screen.warnings == [])
        #expect(bench.screen.progress.map(\.step) == [1, 2, 1, 2])
        #expect(bench.screen.progress.map(\.epoch) == [1, 1, 2, 2])
        #expect(
            bench.screen.lines.last?.hasPrefix(
                "epoch 2/2 done: train loss 1.5000, accuracy 0.3333; test loss 2.0000, accuracy 0.5000 over 10 samples; "
            )
                == true)
    }

    @Test("the workers are on record from the start")
    func records() throws {
        let bench = try Bench()
        #expect(try bench.json("environment.json")["workers"] as? [String] == [])
        bench.start()
        let workers = try #require(try bench.json("environment.json")["workers"] as? [[String: Any]])
        #expect(workers.compactMap { $0["id"] as? String } == ["b", "a"])
        #expect(workers.compactMap { $0["pid"] as? Int } == [10, 11])
        #expect(
            bench.screen.lines.last?.hasPrefix("training with worker 0 (here, pid 10)") == true, "\(bench.screen.lines)"
        )
        #expect(throws: (any Error).self) { try bench.text("result.json") }
    }

    @Test("an interrupted run keeps its hash, a failed one its error, and steps that nobody reported count as lost")
    func otherEnds() throws {
        let interrupted = try Bench()
        interrupted.start()
        interrupted.step(0)
        let stopped = try interrupted.recorder.conclude(.interrupted(interrupted.report(steps: 1, isComplete: false)))
        #expect(stopped.status == .interrupted && stopped.parameterHash == "abc" && stopped.trainLoss == 2)
        #expect(stopped.testAccuracy == nil && stopped.epochs == 0)

        let failed = try Bench()
        failed.start()
        let result = try failed.recorder.conclude(
            .failed(RunFailure(cause: "worker 1 died", consequences: ["so did 0"])))
        #expect(result.status == .failed && result.parameterHash == nil)
        #expect(result.error == "worker 1 died; then: so did 0")
        #expect(try failed.text("logs/coordinator.log").contains("the run ended: failed: worker 1 died"))
    }

    @Test("a checkpoint that cannot be written costs nothing while later ones can; without any the run ends as failed")
    func refusedCheckpoint() throws {
        func finish(laterCheckpoint: Bool) throws -> (Bench, String, RunResult) {
            let bench = try Bench()
            bench.start()
            bench.checkpoint(1)
            // A file where the next checkpoint would be made.
            let obstacle = bench.directory.checkpoints + "/.step-2.partial"
            #expect(FileManager.default.createFile(atPath: obstacle, contents: nil))
            bench.checkpoint(2)
            if laterCheckpoint { bench.checkpoint(3) }
            return (bench, obstacle, try bench.recorder.conclude(.completed(bench.report(steps: 2))))
        }
        let (good, _, fine) = try finish(laterCheckpoint: true)
        #expect(fine.status == .completed && fine.error == nil)
        #expect(good.screen.warnings == [])

        let (bad, obstacle, result) = try finish(laterCheckpoint: false)
        let problem =
            "the checkpoint of step 2 was not written: \(obstacle): cannot be created: File exists; check the disk and "
            + "the path; training goes on, and it is tried again"
        #expect(bad.screen.warnings == [problem])
        #expect(result.status == .failed && result.parameterHash == "abc")
        #expect(result.error == "the training is complete, but its last checkpoint is missing: \(problem)")
    }

    @Test("a journal with records of another build is refused, naming its file and line")
    func foreignJournal() throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/\(Ledger.name)"
        let (journal, _) = try Journal.open(path: path)
        journal.append(try JSONEncoder().encode(Ledger.Record.rewound(step: 3)))
        journal.append(Data(#"{"step":{"report":{}}}"#.utf8))
        try journal.synchronize()
        let error = #expect(throws: JournalError.self) { try Ledger.decode(Journal.records(path: path), of: path) }
        #expect(
            error?.description.hasSuffix(
                "journal has a record in line 2 that this build does not know; resume the run with the build that began "
                    + "it, or start a new one") == true)
    }

    @Test("a recorder that follows another one knows how long that led the run, its generations and its workers")
    func follows() throws {
        let bench = try Bench()
        bench.start()
        for step in 0..<2 { bench.step(step) }
        _ = try bench.recorder.conclude(.interrupted(bench.report(steps: 2, isComplete: false)))
        let first = try #require(bench.json("result.json")["wall_s"] as? Double)
        #expect(first > 0)
        let path = bench.directory.file(Ledger.name)
        let records = try Ledger.decode(Journal.records(path: path), of: path)
        let second = try bench.follow(records.dropLast() + [.led(seconds: 100)])
        #expect(second.result.generations == 1 && second.result.workers == 2 && second.result.steps == 2)
        #expect(try second.conclude(.interrupted(nil)).wallSeconds > 100)
        let workers = try #require(bench.json("environment.json")["workers"] as? [[String: Any]])
        #expect(workers.map { $0["id"] as? String } == ["b", "a"])
    }

    @Test("half a checkpoint is removed when the run ends, and when a newer one begins; one with a gap is refused")
    func halfCheckpoint() throws {
        let bench = try Bench()
        func part(_ step: Int, at offset: Int, isLast: Bool = false) {
            let part = CheckpointPart(
                file: "model.safetensors", step: step, offset: offset, totalBytes: 8, isFirst: offset == 0,
                isLast: isLast)
            bench.recorder.observe(.checkpointPart(part, Frame([1, 2])))
        }
        part(1, at: 0)
        part(2, at: 0)
        part(2, at: 6, isLast: true)
        part(3, at: 2)
        _ = try bench.recorder.conclude(.failed(RunFailure(cause: "gone", consequences: [])))
        #expect(try FileManager.default.contentsOfDirectory(atPath: bench.directory.checkpoints) == [])
        #expect(
            bench.screen.warnings == [
                "the checkpoint of step 2 was not written: model.safetensors: came with a gap before byte 6; training goes "
                    + "on, and it is tried again"
            ])
    }

    @Test("the journal tells a later coordinator what was committed, also after going back to a checkpoint")
    func journal() throws {
        let bench = try Bench()
        bench.start()
        bench.steps(0..<3)
        bench.evaluate(0)
        bench.recorder.observe(.rewound(to: 2))
        #expect(try bench.text("metrics.jsonl").split(separator: "\n").count == 3)
        bench.recorder.observe(.completed(bench.report(steps: 2)))
        bench.recorder.observe(.rewound(to: 1))
        bench.step(1, samples: 3)
        #expect(bench.recorder.record())
        #expect(bench.recorder.result.steps == 2 && bench.recorder.result.samples == 7)
        #expect(bench.recorder.result.epochs == 0)
        let path = bench.directory.file(Ledger.name)
        let records = try Ledger.decode(Journal.records(path: path), of: path)
        let past = RunPast(Ledger.valid(records))
        #expect(
            past.final == nil && past.generation == 1 && past.steps == 2 && past.evaluatedEpochs == 0
                && past.stepsPerEpoch == 2)
        #expect(past.members.map(\.id) == ["a", "b"] && past.shardCounts == [1, 1])
        let steps = try bench.text("metrics.jsonl").split(separator: "\n")
        #expect(steps.count == 2 && steps[1].contains(#""samples":3"#))
        _ = try bench.recorder.conclude(.failed(RunFailure(cause: "gone", consequences: [])))
    }

    @Test("what workers say goes to their logs, and refusals and warnings to the screen")
    func logs() throws {
        let bench = try Bench()
        bench.recorder.observe(.log("a", LogLine(.info, "before it has a rank")))
        bench.recorder.observe(.log("stranger", LogLine(.info, "hello?")))
        bench.start()
        bench.recorder.observe(.log("a", LogLine(.info, "hello")))
        let lines = try bench.text("logs/worker-1.log").split(separator: "\n")
        #expect(
            lines.count == 2 && lines[0].hasSuffix(" info before it has a rank") && lines[1].hasSuffix(" info hello"))
        bench.recorder.observe(.refused("x", who: "peer 'x'", reason: "its build differs"))
        bench.recorder.observe(.notice(.warning, "odd"))
        bench.recorder.observe(.notice(.notice, "good to know"))
        bench.recorder.observe(.notice(.info, "even"))
        #expect(bench.screen.warnings == ["refused peer 'x': its build differs", "odd"])
        #expect(bench.screen.lines.last == "good to know" && !bench.screen.lines.contains("even"))
        let log = try bench.text("logs/coordinator.log")
        #expect(log.contains(" warning odd\n") && log.contains(" info even\n"))
        _ = try bench.recorder.conclude(.failed(RunFailure(cause: "gone", consequences: [])))
        #expect(try bench.text("logs/coordinator.log").contains(" info stranger: hello?\n"))
    }
}
