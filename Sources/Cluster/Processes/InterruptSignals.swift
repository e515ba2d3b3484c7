import Dispatch
import Glibc

/// Turns signals that ask for an end into calls, instead of the end of the process.
///
/// The signals have their default effect again when the object goes away.
public final class InterruptSignals: @unchecked Sendable {  // `sources` is touched by `init` and `deinit` alone.
    private let sources: [any DispatchSourceSignal]
    private let signals: [Int32]

    /// Catches `signals` from now on; calls `onSignal` for each one that arrives, on some other thread, one at a time.
    ///
    /// Signals of one kind that arrive together may be one call, as with all signals.
    public init(_ signals: [Int32] = [SIGINT, SIGTERM], onSignal: @escaping @Sendable () -> Void) {
        let queue = DispatchQueue(label: "interrupt-signals")
        self.signals = signals
        sources = signals.map { DispatchSource.makeSignalSource(signal: $0, queue: queue) }
        for (source, number) in zip(sources, signals) {
            source.setEventHandler(handler: onSignal)
            source.activate()
            // A signal source only watches; without this the process would end all the same.
            signal(number, SIG_IGN)
        }
    }

    deinit {
        for source in sources { source.cancel() }
        for number in signals { signal(number, SIG_DFL) }
    }
}
