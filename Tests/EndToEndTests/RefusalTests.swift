import Foundation
import TestSupport
import Testing

extension EndToEnd {
    @Suite("Refusals")
    struct RefusalTests {
        /// Expects that `convoy` ends quickly with a status and one line of error.
        private func expect(
            _ arguments: [String], in sandbox: Sandbox, data: String? = nil, status: Int32 = 2, says error: String,
            sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            let process = try sandbox.finish(arguments, data: data, within: .seconds(20))
            #expect(try process.end() == .status(status), sourceLocation: sourceLocation)
            #expect(process.standardError == "Error: \(error)\n", sourceLocation: sourceLocation)
            #expect(process.standardOutput == "", sourceLocation: sourceLocation)
        }

        @Test("a configuration file with a fault is refused with file, line, key and the nearest name")
        func files() throws {
            try Sandbox.with { sandbox in
                let unknown = try sandbox.write("training:\n  epochs: 2\n  bach: 5\n", to: "unknown.yaml")
                try expect(
                    ["local", "--config", unknown], in: sandbox,
                    says: "\(unknown):3: unknown key 'training.bach'; did you mean 'training.batch'?")
                let type = try sandbox.write("training:\n  epochs: many\n", to: "type.yaml")
                try expect(
                    ["coordinator", "--bind", "tcp://127.0.0.1:0", "--config", type], in: sandbox,
                    says: "\(type):2: 'training.epochs' expects a whole number, found 'many'")
                try expect(
                    ["local", "--config", sandbox.path + "/none.yaml"], in: sandbox,
                    says: "\(sandbox.path)/none.yaml: no such file; check the path")
                #expect(try sandbox.runDirectories.isEmpty)
            }
        }

        @Test("an override with a fault is refused, and shown as it was given")
        func overrides() throws {
            try Sandbox.with { sandbox in
                for (override, problem) in [
                    ("training.epochs", "an override needs the form key=value, as in training.epochs=3"),
                    ("trainig.epochs=3", "unknown key 'trainig'; did you mean 'training'?"),
                    ("training.epochs=0", "'training.epochs' must be at least 1, found 0"),
                    (
                        "model.name=resnet2",
                        "'model.name' names an unknown model 'resnet2'; known: simple_cnn, resnet20, "
                            + "resnet18, resnet9, mobilenet, dilated_cnn, residual_cnn, depthwise_cnn, "
                            + "cnn_lstm, cnn_gru, cnn_bilstm_packed, conv_lstm, c3d, "
                            + "video_rnn_classifier, video_gru_classifier, "
                            + "video_rnn_classifier_packed, video_rnn_classifier_bidirectional, conv_lstm_classifier; "
                            + "did you mean 'resnet20'?"
                    ),
                    (
                        "data.name=cifar11",
                        "'data.name' names an unknown data set 'cifar11'; known: cifar10, cifar100, shapes, moving_shapes, "
                            + "fashion_mnist, image_folder, video_folder, ucf101; "
                            + "did you mean 'cifar10'?"
                    ),
                    ("cluster.workers=0", "'cluster.workers' must be between 1 and 4096, not 0"),
                ] {
                    try expect(["local", override], in: sandbox, says: "\(override): \(problem)")
                }
                try expect(
                    ["local", "--workers", "3", "training.shards=2"], in: sandbox,
                    says: "training.shards=2: 'training.shards' must be at least cluster.workers (3), found 2: "
                        + "a worker without a shard would have nothing to do")
                #expect(try sandbox.runDirectories.isEmpty)
            }
        }

        @Test("unusable arguments are refused with the usage")
        func arguments() throws {
            try Sandbox.with { sandbox in
                for (arguments, error) in [
                    (["worker"], "Error: Missing expected argument '--coordinator <coordinator>'"),
                    (["locl"], "Error: Unexpected argument 'locl'"),
                    (["local", "--wrokers", "2"], "Error: Unknown option '--wrokers'. Did you mean '--workers'?"),
                    (
                        ["worker", "--coordinator", "tcp://127.0.0.1:1", "--threads", "0"],
                        "Error: --threads must be at least 1, found 0"
                    ),
                    (
                        ["worker", "--coordinator", "tcp://127.0.0.1:1", "--join-timeout", "0"],
                        "Error: --join-timeout must be between 1 and 86400 seconds, found 0.0"
                    ),
                ] {
                    let process = try sandbox.finish(arguments, within: .seconds(20))
                    #expect(try process.end() == .status(2))
                    #expect(process.standardError.hasPrefix(error + "\n"), "\(process.standardError)")
                }
            }
        }

        @Test("addresses that cannot be used are refused")
        func addresses() throws {
            try Sandbox.with { sandbox in
                try expect(
                    sandbox.training("coordinator", workers: 1) + ["--bind", "here"], in: sandbox, status: 1,
                    says: "cannot listen at here: write it as tcp://HOST:PORT or ipc://@NAME")
                for address in ["nowhere", "tcp://127.0.0.1"] {
                    try expect(
                        ["worker", "--coordinator", address], in: sandbox, status: 1,
                        says: "there is no route to the coordinator at \(address); write it as tcp://HOST:PORT with a "
                            + "name that this host resolves")
                }
                let holder = try sandbox.start(
                    sandbox.training("coordinator", workers: 1) + ["--bind", "tcp://127.0.0.1:0"])
                let line = try holder.line(holding: "--coordinator ")
                let address = try #require(line.split(separator: " ").last.map(String.init))
                try expect(
                    sandbox.training("coordinator", workers: 1) + ["--bind", address], in: sandbox, status: 1,
                    says: "cannot listen at \(address): address already in use; end the program that listens there, "
                        + "or choose another port (0 takes a free one)")
                // The loser leaves nothing that looks like a run.
                #expect(try sandbox.runDirectories.count == 1)
                holder.signal(SIGINT)
                #expect(try holder.end(within: .seconds(10)) == .status(130))
            }
        }

        @Test("a worker gives up when no coordinator answers")
        func noCoordinator() throws {
            try Sandbox.with { sandbox in
                let process = try sandbox.finish(
                    ["worker", "--coordinator", "tcp://127.0.0.1:1", "--join-timeout", "1"], within: .seconds(20))
                #expect(try process.end() == .status(1))
                #expect(
                    process.lastError
                        == "Error: the coordinator at tcp://127.0.0.1:1 did not answer within 1.0 s; check that it runs "
                        + "and that the address is right")
            }
        }

        @Test("a data set that is not there ends a local run with an error that names folder and remedy")
        func missingData() throws {
            try Sandbox.with { sandbox in
                let process = try sandbox.finish(
                    sandbox.training(workers: 2, "data.name=cifar10"), within: .seconds(20))
                #expect(try process.end() == .status(1))
                let missing =
                    "\(sandbox.path): holds no folder 'cifar-10-batches-bin' with cifar10; unpack "
                    + "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz into the folder that data.path or "
                    + "$CONVOY_DATA names"
                #expect(process.lastError.contains(missing), "\(process.standardError)")
                let result = try sandbox.run().result
                #expect(result.status == "failed")
                #expect(result.error?.contains(missing) == true)
            }
        }

        @Test("a worker with other data is refused, told in what it differs, and replaced by another")
        func otherData() throws {
            try Sandbox.with { sandbox in
                let (ours, other) = ("\(sandbox.path)/ours", "\(sandbox.path)/other")
                try FakeCIFAR10().write(to: ours)
                try FakeCIFAR10(firstPixel: 2).write(to: other)
                let team = try sandbox.startOverTCP(
                    sandbox.training(
                        "coordinator", workers: 2, "data.name=cifar10", "training.batch=32", "training.epochs=100"),
                    data: [ours])
                _ = try team.workers[0].line(holding: "joining")
                let run = try sandbox.run()
                #expect(try poll { try run.text("logs/coordinator.log").contains("is ready") })
                let address = try #require(
                    team.coordinator.line(holding: "--coordinator ").split(separator: " ").last.map(String.init))
                let stranger = try sandbox.finish(["worker", "--coordinator", address], data: other)
                #expect(try stranger.end() == .status(1))
                #expect(
                    stranger.lastError.hasPrefix(
                        "Error: the coordinator refused this worker: its data set is 'cifar10 "),
                    "\(stranger.standardError)")
                #expect(stranger.lastError.hasSuffix("give all workers the same data set"))
                #expect(try team.coordinator.line(holding: "warning: refused").contains("its data set is 'cifar10 "))

                let replacement = try sandbox.start(["worker", "--coordinator", address], data: ours)
                _ = try team.coordinator.line(holding: "training with")
                #expect(poll { run.stepCount > 0 })
                team.coordinator.signal(SIGINT)
                for process in [team.coordinator, team.workers[0], replacement] {
                    #expect(try process.end() == .status(130), "\(process.standardError)")
                }
            }
        }
    }
}
