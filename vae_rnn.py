"""Learn to answer one dancer's movement with another's.

An LSTM variational autoencoder reads a window of dancer 1's poses and gives the poses that dancer 2 danced at the
same time. Edit the constants below and start

    python vae_rnn.py

or set them for one run, as in `python vae_rnn.py --epochs=20`. The README explains every constant and result.
"""

import dataclasses
import functools
import sys
import time
from pathlib import Path

from common.dataset import (
    augment,
    check_batch_size,
    load_joint_weights,
    load_pairs,
    make_windows,
    poses_of,
    split_into_batches,
)
from common.evaluation import evaluate
from common.mocap import cut_clip, export_endings
from common.model import generate, losses, vae
from common.report.run_report import RunReport
from common.results import checkpoint, preview, saves, weights
from common.results.clips import clip_range, export_clips
from common.results.folder import check_run, open_folder
from common.results.history import History
from common.runtime import console, devices, errors, interrupt, parallel, settings
from common.training.schedule import learning_rate
from common.training.step import Step, count_batches, seed_everything
from common.training.warm_start.start import note_rates, translation

# ---------------------------------------------------------------------------------------------------------------------
# mocap
mocap_file_path = "data/mocap"
mocap_files = [["duet_dancer1.fbx", "duet_dancer2.fbx"]]  # pairs: dancer 1, dancer 2; or as .bvh
mocap_valid_frame_ranges = [[[0, -1]]]  # per pair: [start, end), -1 means to the last frame
mocap_pos_scale = 1.0  # to centimetres: of BVH files' units; FBX files state theirs, which is applied before
mocap_fps = None  # None: the files' own
mocap_up_axis = None  # None: found at load; or "X", "Y", "Z"
mocap_take = None  # None: the take with motion in it; or its name, for FBX files with several
fbx_backend = "builtin"  # or "sdk", Autodesk's bindings
mocap_loss_weights_file = None  # JSON with a weight per joint, see data/configs

# model
latent_dim = 32
sequence_length = 64  # frames
ae_rnn_layer_count = 2
ae_rnn_layer_size = 256
ae_rnn_bidirectional = True
ae_dense_layer_sizes = [512]
save_weights = True
load_weights = False
encoder_weights_file = "results/weights/encoder_weights_epoch_600"
decoder_weights_file = "results/weights/decoder_weights_epoch_600"

# training
sequence_offset = 2  # frames from one window to the next
batch_size = 16
test_percentage = 0.2  # the end of every frame range is held out
initial_weights = "regression"  # a warm start: weights set by regression before the first step; or "noise"
schedule = "inverse"  # the learning rate falls as 1 / (1 + epoch / 10); or "step", × 0.316 every 100 epochs
layerwise_rates = True  # every parameter tensor has a learning rate of its own, relative to ae_learning_rate
ae_learning_rate = 1e-5
augment_heading = True  # half of the windows are turned, both dancers by the same angle
augment_mirror = False  # half of the windows are mirrored, left and right swapped
ae_norm_loss_scale = 0.1
ae_pos_loss_scale = 0.1  # per centimetre
ae_quat_loss_scale = 30.0  # per radian, of half the angle
kld_scale_cycle_duration = 100  # epochs
kld_scale_min_const_duration = 20
kld_scale_max_const_duration = 20
min_kld_scale = 0.0
max_kld_scale = 0.1
epochs = 600  # 0 with load_weights = True only exports
model_save_interval = 50  # epochs
checkpoint_minutes = 10  # at the latest, everything that is needed to go on is saved again
resume = False  # True: go on with the run in results_path where it stopped
save_history = True
random_seed = 0
device = "auto"  # or "cuda", "mps", "cpu"
precision = "float32"  # or "bfloat16", on devices that gain from it

# export
results_path = "results"
export_formats = None  # None: the recording's own; or ["fbx", "bvh"]
export_root_motion = True  # motion files go along the recorded path; False: they stay in place
export_hold_feet = True  # generated motion leaves that path as far as standing feet would slide on it
export_seq_index = 0  # which pair
export_seq_start = 1000  # frames
export_seq_length = 1000
export_mix_seq_start = 500  # the second stretch of the cross-fade
export_sample_latent = False  # draw latent codes instead of taking their means
export_walk_step = 1.0  # speed of the random walk; 1 is as fast as the recording's own codes
export_offset_amplitude = 0.5  # of the sine on the latent codes, which lie between -1 and 1
export_offset_seconds = 4.0  # of one full sine

# view
view_ele = 90.0  # degrees; 90 looks straight ahead, more looks down from above
view_azi = -90.0  # degrees; -90 looks at the front
view_line_width = 1.0
view_size = 4.0  # inches, at 100 pixels each
show_history = True  # in a window at the end, where there is a display
open_report = True  # in the browser at the end, where there is a display
# ---------------------------------------------------------------------------------------------------------------------


def make_models(pose_dims):
    """The encoder of dancer 1's poses and the decoder to dancer 2's."""
    rnn = (ae_rnn_layer_count, ae_rnn_layer_size, ae_rnn_bidirectional, ae_dense_layer_sizes)
    return {
        "encoder": vae.Encoder(pose_dims[0], latent_dim, *rnn),
        "decoder": vae.Decoder(pose_dims[1], latent_dim, sequence_length, *rnn),
    }


def conversions(nets):
    """What the models turn into what: dancer 1's movement into dancer 2's."""
    return [generate.Conversion(0, 1, nets["encoder"], nets["decoder"], path=1, hold_feet=export_hold_feet)]


def compute_losses(nets, batch, noise, kld_scale, windows, joint_weights):
    """Losses of a batch of windows (B,): total, norm, pos, quat, kld.

    Noise (B, Z + augment.CHANCES), None to decode the latent means of windows as they are.
    """
    noise, chance = augment.split(noise)
    mu, std = vae.latent(*nets["encoder"](windows.gather(0, batch, chance)))  # (B, Z)
    prediction = nets["decoder"](vae.sample(mu, std, noise))  # (B, T, D)
    norm, pos, quat = losses.pose_losses(prediction, windows.target(1, batch, chance), joint_weights)
    kld = losses.kld_loss(mu, std)
    total = ae_norm_loss_scale * norm + ae_pos_loss_scale * pos + ae_quat_loss_scale * quat + kld_scale * kld
    return total, norm, pos, quat, kld


def train(nets, windows, joint_weights, generator, folder, config, judge, looks):
    """All epochs that are still to do, with everything saved on the way; returns the history, and what stopped it."""
    compute = functools.partial(compute_losses, windows=windows, joint_weights=joint_weights)
    bfloat16 = devices.pick_precision(precision, windows.train.device)
    step = Step(nets, compute, (latent_dim + augment.DRAWS,), generator, bfloat16)
    history = History()
    checkpoint_file = folder / "weights" / "checkpoint"
    progress = checkpoint.Progress(checkpoint_file, step, windows, history, config, __file__, checkpoint_minutes)
    if resume:
        progress.resume()
    elif layerwise_rates:
        step.find_rates(windows.train, batch_size)

    kept = saves.Saves(progress, model_save_interval)
    if save_weights:  # a stopped epoch has no weights of its own
        kept.add(lambda: weights.save_weights(nets, folder / "weights", progress.epoch, keep=progress.batch > 0))
    if save_history:
        kept.add(lambda: history.save(folder / "histories", epochs), folder / "histories" / f"history_{epochs}.png")
    for save_look, file in looks:
        kept.add(lambda save_look=save_look: save_look(progress.epoch), file, within_epochs=False)

    batch_count = count_batches(windows.train, batch_size)
    bar = console.progress(epochs * batch_count, "batches", progress.epoch * batch_count + progress.batch)
    with interrupt.caught() as stop, bar:
        for epoch in range(progress.epoch, epochs):
            started = time.perf_counter()
            step.set_learning_rate(learning_rate(epoch, ae_learning_rate, schedule))
            kld_scale = losses.kld_scale(
                epoch,
                kld_scale_cycle_duration,
                kld_scale_min_const_duration,
                kld_scale_max_const_duration,
                min_kld_scale,
                max_kld_scale,
            )
            tested = step.running_mean()
            for batch in progress.batches(batch_size):
                progress.learn(batch, kld_scale)
                bar.update()
                if kept.stopped(stop):
                    return history, stop
                if progress.due():
                    kept.checkpoint()
            for batch in split_into_batches(windows.test, batch_size):
                tested.add(*step.test(batch, kld_scale))
                if kept.stopped(stop):  # this part is done anew when the training goes on
                    return history, stop
            history.add(progress.trained.means(), tested.means(), judge.errors(conversions(nets)))
            progress.end_epoch()
            console.line(history.log_line(time.perf_counter() - started))
            if (epoch + 1) % model_save_interval == 0 or epoch + 1 == epochs:
                kept.save(last=epoch + 1 == epochs)
    return history, stop


def view():
    """How GIFs are seen."""
    return view_ele, view_azi, view_line_width, view_size


def make_looks(nets, pairs, ranges, folder, page):
    """What shows a user at every save interval how far it is: what saves it, given the epoch, and the file."""
    look = preview.Preview(pairs, ranges, test_percentage, sequence_length, view(), folder / "anims")
    figures = functools.partial(preview_figures, nets)
    return [
        (lambda epoch: look.save(figures, epoch), look.path("<n>")),
        (lambda epoch: page.refresh(conversions(nets), epoch), page.page),
    ]


def encode(nets, clip, draw_samples=False):
    """The latent codes of a clip of dancer 1, one per window."""
    poses = poses_of(clip).to(next(nets["encoder"].parameters()).device)
    return generate.encode(nets["encoder"], poses, sequence_length, draw_samples)


def decode(nets, codes, place):
    """Codes as movement of dancer 2, who goes where the clip `place` of dancer 2 goes."""
    motion = generate.decode(nets["decoder"], codes, place.frame_count)
    return generate.place(dataclasses.replace(place, rot_local=motion), place, export_hold_feet)


def preview_figures(nets, clips, _takes):
    """What a preview shows, in rows: dancer 2 as recorded, and as predicted from dancer 1."""
    predicted = decode(nets, encode(nets, clips[0]), clips[1])
    return [[("dancer 2, recorded", clips[1]), ("dancer 2, predicted", predicted)]]


def make_clips(nets, pairs, ranges, epoch):
    """Name and motion of each clip: the recording, dancer 2 as predicted from dancer 1, the latent experiments."""
    takes = pairs[export_seq_index]
    start, end = clip_range(export_seq_start, export_seq_length, takes[0].frame_count)
    mix_start = min(export_mix_seq_start, takes[0].frame_count - (end - start))
    length = end - start
    clips = [cut_clip(take, start, end, ranges[export_seq_index]) for take in takes]
    mix_clip = cut_clip(takes[0], mix_start, mix_start + length, ranges[export_seq_index])
    for dancer, clip in enumerate(clips, 1):
        yield f"orig_sequence_dancer{dancer}_index_{export_seq_index}_seq_start_{start}_length_{length}", clip
    codes, mix_codes = (encode(nets, clip, export_sample_latent) for clip in (clips[0], mix_clip))
    walk = generate.random_walk(codes[0], export_walk_step * generate.step_size(codes), len(codes))
    hop = generate.window_hop(sequence_length)
    swing = generate.sine_offset(codes, export_offset_amplitude, export_offset_seconds * clips[0].fps, hop)
    fade = generate.cross_fade(codes, mix_codes)
    stretch = f"seq_start_{start}_length_{length}"
    yield f"pred_sequence_dancer2_epoch_{epoch}_{stretch}", decode(nets, codes, clips[1])
    yield f"rec_sequences_epoch_{epoch}_{stretch}", decode(nets, codes, clips[1])
    yield f"seq_randwalk_epoch_{epoch}_{stretch}", decode(nets, walk, clips[1])
    yield f"seq_offset_epoch_{epoch}_{stretch}", decode(nets, swing, clips[1])
    mix_name = f"seq_mix_epoch_{epoch}_seq1_start_{start}_seq2_start_{mix_start}_length_{length}"
    yield mix_name, decode(nets, fade, clips[1])


def main():
    config = settings.configure(globals(), sys.argv[1:], __file__, __doc__)
    globals().update(config)
    here = Path(__file__).resolve().parent
    where = devices.pick_device(device)
    parallel.join(where)

    with console.stage("load"):
        pairs, ranges = load_pairs(
            here / mocap_file_path,
            mocap_files,
            mocap_valid_frame_ranges,
            mocap_pos_scale,
            mocap_fps,
            mocap_up_axis,
            mocap_take,
            fbx_backend,
        )
        joint_names = pairs[0][1].skeleton.joint_names
        joint_weights = load_joint_weights(mocap_loss_weights_file, here, joint_names)

    with console.stage("segment"):
        generator = seed_everything(random_seed)
        nets = make_models([4 * take.skeleton.joint_count for take in pairs[0]])
        weights_files = {
            "encoder": here / encoder_weights_file,
            "decoder": here / decoder_weights_file,
        }
        folder = here / results_path
        if resume:
            checkpoint.check(folder / "weights" / "checkpoint", config, __file__)
        elif load_weights:
            weights.load_weights(nets, weights_files)
        if epochs > 0:
            windows = make_windows(pairs, ranges, [1], sequence_length, sequence_offset, test_percentage, where)
            check_batch_size(windows, batch_size)
            windows.changes = augment.Augmentation(windows, augment_heading, augment_mirror)
            console.line(windows.description(pairs[0][0].fps))
        check_run(epochs, load_weights, export_seq_index, pairs)
        export_endings(export_formats, pairs[0][1].path)
        judge = evaluate.Evaluation(pairs, ranges, test_percentage, sequence_length)

    if epochs > 0 and initial_weights == "regression" and not load_weights and not resume:
        with console.stage("warm start"):
            note_rates(layerwise_rates)
            translation(nets["encoder"], nets["decoder"], windows, generator)
    nets = {name: net.to(where) for name, net in nets.items()}
    with open_folder(folder, __file__, resume):
        if parallel.rank() == 0:
            settings.save_config(config, __file__, folder / "config.json")
            if load_weights and not resume:
                weights.keep_weights(nets, weights_files, folder / "weights")
        page = RunReport(folder, config, __file__, where, pairs, ranges, judge)
        history, stop = History(), interrupt.Stop()
        if epochs > 0:
            with console.stage(f"train on {devices.describe(where)}"):
                looks = make_looks(nets, pairs, ranges, folder, page)
                history, stop = train(nets, windows, joint_weights.to(where), generator, folder, config, judge, looks)
        parallel.leave()  # from here on there is one process
        if stop.clips:
            with console.stage("export"):
                clips = make_clips(nets, pairs, ranges, len(history.rows))
                endings = export_endings(export_formats, pairs[export_seq_index][1].path)
                export_clips(clips, folder / "anims", endings, fbx_backend, view(), export_root_motion)
            with console.stage("measure"):
                page.finish(conversions(nets), len(history.rows), stop.asked)
        console.line(f"All results are in {folder}")
        stop.end(len(history.rows), epochs)
    if open_report:
        page.open()
    if history.rows and show_history:
        history.show()


if __name__ == "__main__":
    errors.run(main)
