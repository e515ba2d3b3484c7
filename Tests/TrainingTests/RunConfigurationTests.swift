import Configuration
import Datasets
import Foundation
import Testing
import Training

@Suite("Run configuration")
struct RunConfigurationTests {
    private func problem(_ overrides: String...) -> String {
        do throws(ConfigurationError) {
            _ = try RunConfiguration.defaults(overrides: overrides)
            return "no problem"
        } catch {
            return "\(error)"
        }
    }

    @Test("the defaults survive being written and read, and so does a configuration with every kind of override")
    func roundTrip() throws {
        let defaults = try RunConfiguration.defaults(overrides: [])
        #expect(try RunConfiguration.parse(defaults.yaml(), source: "test") == defaults)
        let other = try RunConfiguration.defaults(overrides: [
            "run.name=a-b", "run.seed=18446744073709551615", "data.limit=7", "data.path=some where", "data.augment=[]",
            "model.name=resnet20", "optimizer.learning_rate=0.1", "training.clip_norm=1.5", "cluster.workers=3",
            "optimizer.name=adamw", "optimizer.groups=[{match: '*.bias', weight_decay: 0}]", "loss.name=focal",
            "schedule={name: multi_step, milestones: [1, 2.5]}", "training.ema_decay=0.99", "training.clip_value=2",
            "allreduce.bucket_mb=0.25", "engine.kernels=baseline", "engine.convolution=direct",
        ])
        #expect(other.run.seed == .max)
        #expect(other.data.limit.value == 7)
        #expect(other.training.clipNorm.value == 1.5)
        #expect(other.data.augment.value == [])
        #expect(try RunConfiguration.parse(other.yaml(), source: "test") == other)
    }

    @Test("a file is read before the command line")
    func fileAndOverrides() throws {
        let folder = try TemporaryFolder()
        try folder.write("training: {epochs: 7, batch: 64}\n", to: "run.yaml")
        let configuration = try RunConfiguration.read(
            path: folder.path + "/run.yaml", overrides: ["training.batch=32"])
        #expect(configuration.training.epochs == 7)
        #expect(configuration.training.batch == 32)
    }

    @Test("shards are the workers' number where none is given, and that is written down")
    func shards() throws {
        let derived = try RunConfiguration.defaults(overrides: ["cluster.workers=3"])
        #expect(derived.shards == 3)
        #expect(derived.training.shards.value == 3)
        #expect(try derived.yaml().contains("shards: 3"))
        let given = try RunConfiguration.defaults(overrides: ["cluster.workers=3", "training.shards=8"])
        #expect(given.shards == 8)
        #expect(try RunConfiguration.parse(given.yaml(), source: "test").shards == 8)
        #expect(RunConfiguration().training.shards.value == nil)
        #expect(RunConfiguration().resolved.training.shards.value == 2)
    }

    @Test("values that cannot be are refused with the key, what it may be and what was found")
    func problems() {
        #expect(
            problem("cluster.workers=3", "training.shards=2")
                == "training.shards=2: 'training.shards' must be at least cluster.workers (3), found 2: a worker without "
                + "a shard would have nothing to do")
        #expect(
            problem("training.shards=200")
                == "training.shards=200: 'training.shards' must be between 1 and training.batch (128), found 200")
        #expect(problem("training.epochs=0") == "training.epochs=0: 'training.epochs' must be at least 1, found 0")
        #expect(
            problem("training.checkpoint_every_steps=0")
                == "training.checkpoint_every_steps=0: 'training.checkpoint_every_steps' must be at least 1, found 0")
        #expect(
            problem("training.clip_norm=-1.0")
                == "training.clip_norm=-1.0: 'training.clip_norm' must be positive, found -1.0")
        #expect(
            problem("training.clip_value=0")
                == "training.clip_value=0: 'training.clip_value' must be positive, found 0.0")
        #expect(
            problem("training.ema_decay=1")
                == "training.ema_decay=1: 'training.ema_decay' must be in [0, 1), found 1.0")
        #expect(
            problem("optimizer.name=adamw", "optimizer.momentum=0.9")
                == "optimizer.momentum=0.9: unknown key 'optimizer.momentum'; known: name, learning_rate, betas, eps, "
                + "weight_decay, decay_bias_and_norms, groups")
        #expect(
            problem("run.name=a/b")
                == "run.name=a/b: 'run.name' must be made of letters, digits, '-', '_' and '.', found 'a/b'")
        #expect(
            problem("model.name=simple_cn")
                == "model.name=simple_cn: 'model.name' names an unknown model 'simple_cn'; known: simple_cnn, resnet20, "
                + "resnet18, resnet9, mobilenet, dilated_cnn, residual_cnn, depthwise_cnn, "
                + "cnn_lstm, cnn_gru, cnn_bilstm_packed, conv_lstm, c3d, "
                + "video_rnn_classifier, video_gru_classifier, "
                + "video_rnn_classifier_packed, video_rnn_classifier_bidirectional, conv_lstm_classifier; did you mean 'simple_cnn'?"
        )
        #expect(
            problem("cluster.workers=0") == "cluster.workers=0: 'cluster.workers' must be between 1 and 4096, not 0")
    }

    @Test("a batch that is too small for the shards that follow from the workers is refused")
    func smallBatch() {
        #expect(
            problem("training.batch=1", "cluster.workers=2")
                == "training.batch=1: 'training.batch' must be at least the number of shards (2), found 1")
    }
}
