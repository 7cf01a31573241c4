"""The explorer in a real browser: it shows what the model says, whichever control is moved."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.explore.conftest import Explored, Network, View
from vaebench.training import torch_generator

LEVELS = 2
"""How far a pixel may be off the model's own, of 255."""

Browse = Callable[..., View]


def off(shown: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.abs(shown - np.broadcast_to(wanted, shown.shape)).max())


def code(view: View) -> np.ndarray:
    return np.array(view.page.evaluate("explorer.code()"))


def sliders(view: View) -> Any:
    return view.page.locator("#latents input[type=range]")


def test_the_page_decodes_as_the_model_does(explored: Explored, browse: Browse) -> None:
    view = browse(explored.page)
    rng = np.random.default_rng(1)
    count, labels = explored.spec.latent_dim, max(1, len(explored.about["labels"]))
    codes = np.concatenate([rng.standard_normal((15, count)), rng.uniform(-3, 3, (15, count))])
    worst, spread = 0.0, 0.0
    for label in range(labels):
        wanted = explored.decoded(codes, label)
        script = "([codes, label]) => codes.map(z => [...explorer.decode(z, label)])"
        seen = view.page.evaluate(script, [codes.tolist(), label])
        shown = 255 * np.array(seen).reshape(wanted.shape)
        worst = max(worst, off(shown, wanted))
        spread = max(spread, float(wanted.std(axis=0).max()))
    assert worst <= LEVELS
    assert spread > 20  # the model has learnt to draw something
    assert not view.complaints


def test_the_page_fetches_nothing(explored: Explored, browse: Browse) -> None:
    view = browse(explored.page)
    assert view.requests == [view.page.url.split("#")[0]]
    assert not view.complaints  # nor does its own policy stop anything
    policy = view.page.locator("meta[http-equiv]").get_attribute("content")
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy


def test_a_page_of_locatello_is_small(network: Network) -> None:
    assert network("locatello").page.stat().st_size < 3_000_000


def test_a_script_that_is_not_the_page_s_own_does_not_run(
    explored: Explored, browse: Browse
) -> None:
    view = browse(explored.page)
    view.page.evaluate(
        """() => {
          const script = document.createElement("script");
          script.textContent = "window.intruded = true";
          document.body.append(script);
        }"""
    )
    assert view.page.evaluate("window.intruded") is None
    assert any("Content Security Policy" in text for text in view.complaints)


def test_images_and_sliders_change_the_picture_as_the_model_says(
    explored: Explored, browse: Browse
) -> None:
    view = browse(explored.page)
    view.page.locator("#gallery button").nth(5).click()
    view.settle()
    example = explored.about["examples"][5]
    label = example["label"] if explored.about["labels"] else 0
    assert off(view.pixels(), explored.decoded(example["code"], label)) <= LEVELS
    moved = np.array(example["code"])
    for place, latent in enumerate(explored.about["latents"]):
        assert latent["active"], "a model of these tests leaves a latent unused"
        value = latent["low"] + (latent["high"] - latent["low"]) * (0.25 + 0.1 * place)
        sliders(view).nth(place).fill(str(value))
        view.settle()
        moved[latent["latent"]] = float(sliders(view).nth(place).input_value())
        assert abs(moved[latent["latent"]] - value) <= (latent["high"] - latent["low"]) / 200
        assert off(view.pixels(), explored.decoded(moved, label)) <= LEVELS
    assert off(explored.decoded(moved, label), explored.decoded(example["code"], label)) > 20


def test_codes_of_the_images_are_the_model_s(explored: Explored, browse: Browse) -> None:
    import torch

    from vaebench.data import load_dataset

    data = load_dataset(explored.spec.dataset)
    examples = explored.about["examples"]
    assert len(examples) == 48
    chosen = [example["index"] for example in examples]
    pixels, labels = data.observations(chosen), data.labels(chosen)
    assert labels is not None
    assert np.bincount(labels).tolist() == [16, 16, 16]
    with torch.inference_mode():
        x = torch.from_numpy(np.ascontiguousarray(pixels)).float() / 255
        mu, _ = explored.model.encode(x, torch.from_numpy(labels))
    codes = np.array([example["code"] for example in examples])
    assert codes == pytest.approx(mu.numpy(), abs=1e-3)
    view = browse(explored.page)
    shown = view.pixels("#gallery button:nth-child(8) canvas")
    assert off(shown, pixels[7].transpose(1, 2, 0)) == 0
    name = view.page.locator("#gallery button").nth(7).get_attribute("aria-label")
    assert ("red", "green", "blue")[labels[7]] in name


def test_a_strip_shows_what_its_slider_would(explored: Explored, browse: Browse) -> None:
    view = browse(explored.page)
    latent = explored.about["latents"][0]
    tiles = view.pixels("#latents .strip canvas")
    height, width = tiles.shape[0], explored.about["width"]
    assert height == explored.about["height"]
    label = view.page.evaluate("explorer.state.label")
    for place, value in enumerate(np.linspace(latent["low"], latent["high"], 9)):
        wanted = code(view)
        wanted[latent["latent"]] = value
        tile = tiles[:, place * width : (place + 1) * width]
        assert off(tile, explored.decoded(wanted, label)) <= LEVELS


def test_the_plane_follows_the_pointer_and_the_keys(explored: Explored, browse: Browse) -> None:
    view = browse(explored.page)
    latents = {latent["latent"]: latent for latent in explored.about["latents"]}
    view.page.get_by_label("Across", exact=True).select_option("z3")
    view.page.get_by_label("Up", exact=True).select_option("z1")
    square = view.page.locator("#plane")
    square.scroll_into_view_if_needed()
    box = square.bounding_box()
    start = view.page.evaluate("explorer.state.label"), code(view)
    view.page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    view.page.mouse.down()
    view.page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 0.1 * box["height"])
    view.page.mouse.up()
    view.settle()
    wanted = start[1].copy()
    for latent, share in ((3, 0.8), (1, 0.9)):
        low, high = latents[latent]["low"], latents[latent]["high"]
        wanted[latent] = low + share * (high - low)
    assert code(view) == pytest.approx(wanted, abs=0.02)
    assert off(view.pixels(), explored.decoded(code(view), start[0])) <= LEVELS
    before = code(view)
    view.page.get_by_role("slider", name=re.compile(r"^Plane, z1")).press("ArrowDown")
    view.page.get_by_role("slider", name=re.compile(r"^Plane, z1")).press("ArrowLeft")
    view.settle()
    change = code(view) - before
    steps = {d: (latents[d]["high"] - latents[d]["low"]) / 50 for d in (1, 3)}
    assert change == pytest.approx([0, -steps[1], 0, -steps[3]], abs=1e-6)
    assert off(view.pixels(), explored.decoded(code(view), start[0])) <= LEVELS


def test_a_walk_goes_from_one_image_to_another(explored: Explored, browse: Browse) -> None:
    view = browse(explored.page)
    examples = explored.about["examples"]
    view.page.locator("#gallery button").nth(2).click()
    view.page.get_by_role("button", name=re.compile("^To image")).click()
    assert "choose the image" in view.page.locator("#live").inner_text()
    view.page.locator("#gallery button").nth(40).click()
    view.settle()
    share = view.slide("Walk", 0.25)
    start, end = np.array(examples[2]["code"]), np.array(examples[40]["code"])
    wanted = start + share * (end - start)
    assert code(view) == pytest.approx(wanted, abs=1e-6)
    label = examples[2]["label"] if explored.about["labels"] else 0
    assert off(view.pixels(), explored.decoded(wanted, label)) <= LEVELS


def test_an_attribute_is_added(explored: Explored, browse: Browse) -> None:
    import torch

    from vaebench.data import load_dataset

    data = load_dataset(explored.spec.dataset)
    every = np.arange(len(data))
    labels, factors = data.labels(every), data.factors(every)
    assert labels is not None
    assert factors is not None
    with torch.inference_mode():
        x = torch.from_numpy(np.ascontiguousarray(data.observations(every))).float() / 255
        mu = explored.model.encode(x, torch.from_numpy(labels))[0].numpy()
    view = browse(explored.page)
    before = code(view)
    for name, mask in (("green", labels == 1), ("more x", factors[:, 0] >= 2.5)):
        view.page.get_by_label("Attribute", exact=True).select_option(name)
        amount = view.slide("Amount", 1.5)
        vector = mu[mask].mean(axis=0) - mu[~mask].mean(axis=0)
        assert code(view) - before == pytest.approx(amount * vector, abs=2e-3)
        label = view.page.evaluate("explorer.state.label")
        assert off(view.pixels(), explored.decoded(code(view), label)) <= LEVELS
        before = code(view)


def test_a_conditional_model_is_told_another_label(conditional: Explored, browse: Browse) -> None:
    view = browse(conditional.page)
    z = code(view)
    pictures = []
    for label, name in enumerate(("red", "green", "blue")):
        view.page.get_by_role("radio", name=name).check()
        view.settle()
        assert code(view) == pytest.approx(z)
        assert off(view.pixels(), conditional.decoded(z, label)) <= LEVELS
        chip = f"#labels .chip:nth-child({label + 1}) canvas"
        assert off(view.pixels(chip), conditional.decoded(z, label)) <= LEVELS
        pictures.append(view.pixels())
    assert off(pictures[0], pictures[2]) > 2 * LEVELS


def test_a_model_without_labels_offers_none(explored: Explored, browse: Browse) -> None:
    view = browse(explored.page)
    assert (view.page.get_by_role("radio").count() > 0) == (explored.spec.model == "cvae")


def test_random_draws_differ_and_are_decoded(explored: Explored, browse: Browse) -> None:
    view = browse(explored.page)
    seen = [code(view)]
    for _ in range(2):
        view.page.get_by_role("button", name="Draw").click()
        view.settle()
        label = view.page.evaluate("explorer.state.label")
        assert off(view.pixels(), explored.decoded(code(view), label)) <= LEVELS
        seen.append(code(view))
    assert np.abs(seen[1] - seen[2]).max() > 0.1
    assert np.abs(seen[0] - seen[1]).max() > 0.1


def test_random_draws_are_the_prior_s_or_fit_the_codes(explored: Explored, browse: Browse) -> None:
    view = browse(explored.page)
    draws = np.array(view.page.evaluate("Array.from({length: 4000}, () => explorer.randomCode())"))
    prior = explored.about["prior"]
    if explored.spec.model == "ae":
        factor = np.array(prior["factor"])
        mean, covariance = np.array(prior["mean"]), factor @ factor.T
        assert "no prior" in prior["text"]
    elif explored.spec.model == "vampprior":
        own = explored.model.prior().sample(1_000, torch_generator(0, "explore", "prior"))
        np.testing.assert_allclose(prior["draws"], own.detach(), atol=1e-5)
        assert {tuple(draw) for draw in draws} <= {tuple(draw) for draw in prior["draws"]}
        mean, covariance = np.mean(prior["draws"], axis=0), np.cov(prior["draws"], rowvar=False)
    else:
        mean, covariance = np.zeros(4), np.eye(4)
    error = 5 * np.sqrt(np.diag(covariance) / len(draws))
    assert (np.abs(draws.mean(axis=0) - mean) < error).all()
    scale = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    assert (np.abs(np.cov(draws, rowvar=False) - covariance) < 0.12 * scale).all()


def test_back_undoes_a_step_and_the_address_is_the_view(
    conditional: Explored, browse: Browse
) -> None:
    view = browse(conditional.page)
    back = view.page.get_by_role("button", name="Back")
    assert back.is_disabled()
    first = view.pixels()
    view.page.locator("#gallery button").nth(30).click()
    view.settle()
    second = view.pixels()
    sliders(view).nth(1).evaluate(
        """slider => { for (let times = 0; times < 3; times++) { // a drag is one step
          slider.stepUp(5);
          slider.dispatchEvent(new Event("input", { bubbles: true }));
        } }"""
    )
    view.page.wait_for_timeout(500)
    view.page.get_by_role("radio", name="red").check()
    view.slide("Amount", -1.2)
    view.page.wait_for_timeout(500)
    last = view.pixels()
    address = view.page.evaluate("location.hash")
    again = browse(conditional.page, address)
    assert off(again.pixels(), last) <= 1  # three decimals of the code
    assert again.page.get_by_role("radio", name="red").is_checked()
    for _ in range(3):
        back.click()
        view.page.wait_for_timeout(200)
        view.settle()
    assert off(view.pixels(), second) <= 1
    back.click()
    view.page.wait_for_timeout(200)
    view.settle()
    assert off(view.pixels(), first) <= 1
    assert back.is_disabled()


@pytest.mark.parametrize(
    "address", ["#z=1,2", "#z=a,b,c,d", "#nonsense", "#z=1,2,3,1e99", "#z=,,,&label=9&plane=7,8"]
)
def test_an_address_that_does_not_fit_is_left_out(
    conditional: Explored, browse: Browse, address: str
) -> None:
    view, plain = browse(conditional.page, address), browse(conditional.page)
    assert "does not fit" in view.page.locator("#notice").inner_text()
    assert off(view.pixels(), plain.pixels()) == 0
    assert not view.complaints


def test_everything_is_done_by_keyboard(conditional: Explored, browse: Browse) -> None:
    view = browse(conditional.page)
    stops = []
    for _ in range(60):
        view.page.keyboard.press("Tab")
        stop = view.page.evaluate(
            """() => { const e = document.activeElement;
              return e === document.body ? "" : (e.id || e.getAttribute("aria-label")
                || e.closest("#latents,#walk,#amount,#labels")?.id || e.tagName); }"""
        )
        if not stop:
            break
        stops.append(stop)
    text = " | ".join(stops)
    order = ["draw", "link", "image", "label", "z", "across", "up", "plane-across", "plane-up",
             "from", "to", "Walk", "attribute", "Amount"]  # fmt: skip
    places = [next(i for i, stop in enumerate(stops) if stop.startswith(name)) for name in order]
    assert places == sorted(places), text
    assert len([stop for stop in stops if stop.startswith("image ")]) == 1, text
    gallery = view.page.locator("#gallery button")
    current = view.page.evaluate("explorer.state.image")
    gallery.nth(current).focus()
    view.page.keyboard.press("ArrowRight")
    view.page.keyboard.press("Enter")
    view.settle()
    assert view.page.evaluate("explorer.state.image") == current + 1
    assert gallery.nth(current + 1).get_attribute("aria-pressed") == "true"
    assert f"image {current + 2}" in view.page.locator("#live").inner_text()


def test_every_control_has_a_name_and_the_picture_is_described(
    conditional: Explored, browse: Browse
) -> None:
    view = browse(conditional.page)
    session = view.page.context.new_cdp_session(view.page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    roles = ("button", "slider", "combobox", "radio", "toolbar", "radiogroup", "region", "image")
    controls = [node for node in nodes if node.get("role", {}).get("value") in roles]
    found = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in controls]
    assert len([role for role, _ in found if role == "slider"]) >= 4 + 2 + 1 + 1
    assert all(name for _, name in found), found
    view.page.wait_for_timeout(700)
    described = view.page.locator("#picture").get_attribute("aria-label")
    place = view.page.evaluate("explorer.state.image")
    assert conditional.about["examples"][place]["text"] in described


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 700, 1000, 1600])
def test_nothing_runs_off_any_width(
    conditional: Explored, browse: Browse, width: int, scheme: str
) -> None:
    view = browse(conditional.page, width=width, color_scheme=scheme)
    wide = view.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width
    outside = view.page.evaluate(
        """() => [...document.querySelectorAll("main *")].filter(e => {
          const box = e.getBoundingClientRect();
          return box.width > 2 && (box.left < -1 || box.right > innerWidth + 1);
        }).map(e => e.outerHTML.slice(0, 80))"""
    )
    assert outside == []
    assert view.page.locator("#picture").bounding_box()["width"] >= 120
